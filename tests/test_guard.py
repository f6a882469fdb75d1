"""The guard of tests/conftest.py works: a test that shows a planted secret fails."""

import pytest

from tests.planted import WORD, plant, shown_by


def report(sections: list[tuple[str, str]]) -> pytest.TestReport:
    return pytest.TestReport("t", ("t", 0, "t"), {}, "passed", None, "call", sections)


def test_a_planted_secret_in_a_log_or_an_output_is_found() -> None:
    secret = plant("another-secret-of-a-fixture")
    for name in ("Captured log call", "Captured stdout call", "Captured stderr setup"):
        assert shown_by(report([(name, f"it says {WORD}!")]))
        assert shown_by(report([(name, f"it says {secret}!")]))


def test_other_words_are_not() -> None:
    assert shown_by(report([("Captured log call", "DB_PASSWORD=***")])) == []


def test_a_test_that_shows_a_secret_fails(request: pytest.FixtureRequest) -> None:
    hook = request.config.hook.pytest_runtest_makereport
    item = request.node
    item.add_report_section("call", "log", f"it says {WORD}!")
    try:
        call = pytest.CallInfo.from_call(lambda: None, "call")
        made = hook(item=item, call=call)
    finally:
        item._report_sections.clear()
    assert made.failed
    assert "shows a secret" in str(made.longrepr)
