"""`--examples N` plays more of them (make model)."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--examples", type=int, default=None, help="lives that the model plays")
