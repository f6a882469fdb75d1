"""What a plan sends, as it is shown: each request, and each field before and after it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from countersign.masking import MASK, masked_values, names_a_secret
from countersign.targets.model import Plan, Step


@dataclass(frozen=True)
class FieldShown:
    """One field that is changed. None stands for one that is not there."""

    at: str
    before: Any
    after: Any


@dataclass(frozen=True)
class StepShown:
    """One request of a plan."""

    key: str
    title: str
    line: str
    """The request's first line, or empty where nothing is sent."""
    body: Any
    commands: tuple[str, ...]
    """What is run on a host, one line each."""
    fields: tuple[FieldShown, ...]
    gone: bool
    """The object is there before and not after."""


def steps_shown(plan: Plan) -> tuple[StepShown, ...]:
    """Return every request of `plan`, secrets masked."""
    return tuple(_shown(step) for step in plan.steps)


def _shown(step: Step) -> StepShown:
    request = step.request
    method = request.get("method")
    return StepShown(
        key=step.key,
        title=step.title,
        line=f"{method} {request['path']}" if method else "",
        body=masked_values(request.get("body")),
        commands=tuple(map(str, request.get("commands") or ())),
        fields=_fields(step.before.get("fields") or {}, step.wanted.get("fields") or {}),
        gone=bool(step.wanted.get("gone")) and step.changes,
    )


def _fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldShown, ...]:
    places = dict.fromkeys((*before, *after))
    return tuple(FieldShown(at, _value(at, before.get(at)), _value(at, after.get(at))) for at in places)


def _value(at: str, value: Any) -> Any:
    if isinstance(value, str) and names_a_secret(at.rsplit("/", 1)[-1]):
        return MASK
    return masked_values(value)
