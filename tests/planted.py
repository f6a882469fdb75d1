"""Secrets that the tests plant: no test's log or output may show one (the guard is in tests/conftest.py).

A made-up secret contains the word below; fixtures that make real ones register them with `plant`.
"""

import re

import pytest

WORD = "hunter2"
_planted = {WORD}
_SILENCED = re.compile(r"^\w+ +apprise:.*$", re.MULTILINE)
"""Lines of a logger that propagates to nobody: pytest alone listens to it by itself."""


def plant(secret: str) -> str:
    """Have every later test of this process looked through for `secret`, and return it."""
    assert len(secret) >= len(WORD), "something this short is found anywhere"
    _planted.add(secret)
    return secret


def shown_by(report: pytest.TestReport) -> list[str]:
    """Return what of a test's captured log and output shows a planted secret."""
    return [
        f"{name}: …{content[max(0, at - 200) : at + 40]}…"
        for name, captured in report.sections
        for content in [_SILENCED.sub("", captured)]
        for secret in _planted
        if (at := content.find(secret)) >= 0
    ]
