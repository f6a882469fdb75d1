"""Tests that share a stack have one process of pytest-xdist to themselves, or there would be two stacks."""

import pytest


@pytest.mark.xdist_group("together")
def test_a_group_of_tests_is_kept_together(request: pytest.FixtureRequest) -> None:
    grouped = request.config.getoption("loadgroup", default=False)
    assert not grouped or request.node.nodeid.endswith("@together")
