"""May file an action: one whose text takes the square of its length to read, and keeps the worker from its work."""

import sys
from contextlib import suppress
from itertools import product
from types import FrameType
from typing import Any

import pytest

from countersign.actions import decoration, json_text, reading
from countersign.actions.reading import read_action
from countersign.errors import ParseFailure

SPECIAL = ";；`(（\n\"'“「,，。:：#-—=_/\\*[{ ~@…或"
UNITS = (*SPECIAL, *map("".join, product("；;\n`\"'\\ ，", repeat=2)), "Namespace: a\n", "kubectl ", "; echo ")
PLACES = ("{}", "{}\nkubectl get pods", "kubectl get pods {}", "kubectl patch deploy/x -p '{}'", "ssh web-1 '{}'")


class Counted(str):
    """A text that counts the characters copied out of it."""

    copied = 0

    def __getitem__(self, key: Any) -> str:
        part = super().__getitem__(key)
        type(self).copied += len(part)
        return part


@pytest.mark.parametrize("char", ["；", "，", "： ", "、a", "。", "（"])
def test_no_more_is_copied_than_a_few_times_the_text(char: str) -> None:
    Counted.copied = 0
    text = Counted("kubectl get pods " + char * 20_000)
    with suppress(ParseFailure):
        decoration._cut_tail(text)
    assert Counted.copied <= 4 * len(text)


@pytest.mark.parametrize("unit", ['\\"', '"\\', '"', '\\\\"'])
def test_a_quotation_that_is_not_closed_is_looked_through_once(unit: str) -> None:
    text = '"' + unit * 10_001
    found = list(json_text._STRING.finditer(text))
    assert found[-1].end() >= len(text) - 1


def steps(text: str) -> int:
    """Return how many lines of Python it takes to read `text`."""
    taken = 0

    def count(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal taken
        taken += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        read_action(text)
    except ParseFailure:
        pass
    finally:
        sys.settrace(before)
    return taken


@pytest.mark.parametrize("place", PLACES)
def test_reading_takes_steps_in_proportion_to_the_text(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_CHARACTERS", 10**9)
    for unit in UNITS:
        few, many = (steps(place.replace("{}", unit * (length // len(unit)))) for length in (100, 400))
        assert many <= 5 * few + 500, f"{unit!r}: {few} steps, then {many}"


@pytest.mark.parametrize("unit", SPECIAL)
def test_a_text_of_any_special_characters_is_answered(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_CHARACTERS", 10**9)
    for place in PLACES[2:4]:
        try:
            read_action(place.replace("{}", unit * 20_000))
        except ParseFailure as failure:
            assert len(failure.message) < 2_000
