"""`--image` builds the image and runs it, which takes minutes (make image-test)."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--image", action="store_true", help="build the image (make image-test)")
