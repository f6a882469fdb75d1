"""Tests that share what is started once have one process of pytest-xdist to themselves; the longest begin."""

import pytest

from tests.grouping import TESTS, group_of, turn_of


@pytest.mark.xdist_group("together")
def test_a_group_of_tests_is_kept_together(request: pytest.FixtureRequest) -> None:
    grouped = request.config.getoption("loadgroup", default=False)
    assert not grouped or request.node.nodeid.endswith("@together")


@pytest.mark.parametrize(
    ("file", "needs", "shares", "group"),
    [
        ("actions/test_corpus.py", ("tmp_path",), False, None),
        ("records/test_index_use.py", ("loaded",), True, "records/test_index_use"),
        ("cli/test_over_api.py", ("engine", "prefect_server"), True, "prefect"),
        ("attacks/test_foreign_code.py", ("stack",), True, "stack"),
        ("stack/test_up.py", ("state_dir",), True, "stack"),
    ],
)
def test_tests_are_together_whose_set_up_is_shared(
    file: str, needs: tuple[str, ...], shares: bool, group: str | None
) -> None:
    assert group_of(TESTS / file, needs=needs, shares=shares) == group


def test_what_takes_longest_begins_and_the_shortest_end() -> None:
    in_turn = [
        ("attacks/test_foreign_code.py", "stack"),
        ("faults/servers/test_lost_servers.py", "servers"),
        ("blocks/test_checks.py", "prefect"),
        ("faults/test_lost_processes.py", None),
        ("aftermath/rollback/test_killed.py", None),
        ("records/test_index_use.py", "records/test_index_use"),
        ("policy/test_rules.py", None),
        ("actions/test_corpus.py", None),
    ]
    turns = [turn_of(TESTS / file, group) for file, group in in_turn]
    assert turns == sorted(set(turns))
