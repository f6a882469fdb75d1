"""From a parameterised action and variables to the action that can be filed, and what holds for all its renderings.

A template is tried with stand-ins in its holes. What it reads to then, with values in place of the stand-ins, is what
every rendering has to read to: a value that brings a flag, a second name or a second command along is refused.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from countersign.actions import describe, read_action
from countersign.actions.commands import fill, holes, template_of, without_holes
from countersign.actions.operation import HostOperation, KubernetesOperation, Operation
from countersign.canonical import sha256_of
from countersign.errors import InvalidInput, ParseFailure


def render(actions: Sequence[str], variables: Mapping[str, str]) -> tuple[str, ...]:
    """Return the actions that `actions` become with `variables`.

    Raises InvalidInput naming the variable that is missing, unknown or more than fits into its place.
    """
    wanted = tuple(dict.fromkeys(name for action in actions for name in holes(action)))
    for name in variables:
        if name not in wanted:
            raise InvalidInput(
                f"{name}: the playbook has no such variable", hint=f"it has {', '.join(wanted) or 'none'}"
            )
    for name in wanted:
        if not variables.get(name):
            raise InvalidInput(f"{name}: no value is given", hint=f"the playbook needs {', '.join(wanted)}")
    return tuple(_rendered(action, {name: variables[name] for name in holes(action)}) for action in actions)


def operation_in(action: str) -> Operation:
    """Return what the template reads to with stand-ins in its holes. Raises InvalidInput."""
    return _read(action, fill(action, _stand_ins(action)))


def normal_form(action: str) -> str:
    """Return the template in the one spelling that all templates of the same meaning have. Raises InvalidInput.

    It is the spelling of `template_of`, so what a person wrote and what was extracted are known to be the same.
    """
    stand_ins = _stand_ins(action)
    template = template_of(_read(action, fill(action, stand_ins)))
    usual = {value: name for name, value in template.variables.items()}
    text = without_holes(fill(template.text, template.variables))
    for name, stand_in in stand_ins.items():
        text = text.replace(stand_in, f"{{{{{usual.get(stand_in, name)}}}}}")
    return text


def steps_hash(actions: Sequence[str]) -> str:
    """Return the hash by which equal steps are known, however they are spelled. Raises InvalidInput."""
    return sha256_of([normal_form(action) for action in actions])


def _rendered(action: str, variables: Mapping[str, str]) -> str:
    stand_ins = _stand_ins(action)
    expected = describe(operation_in(action))
    for name, stand_in in stand_ins.items():
        expected = _replaced(expected, stand_in, variables[name])
    filled = fill(action, variables)
    found = describe(_read(action, filled))
    if found != expected:
        raise InvalidInput(
            f"{', '.join(variables)}: these values change more than their places in {action[:120]!r}",
            hint="a variable is one plain name, namespace, image, container or host; a unit's name ends in .service",
        )
    return filled


def _read(action: str, filled: str) -> Operation:
    try:
        reading = read_action(filled)
    except ParseFailure as failure:
        raise InvalidInput(f"action: {action[:120]!r} does not read: {failure.message}", hint=failure.hint) from None
    if not isinstance(reading, KubernetesOperation | HostOperation):
        raise InvalidInput(f"action: {action[:120]!r} changes nothing", hint="write what repairs the symptom")
    return reading


def _stand_ins(action: str) -> dict[str, str]:
    """Return a value for each hole that occurs nowhere else in the action."""
    mark = "zq"
    while mark in action:
        mark += "q"
    ending = ".service" if "systemctl restart" in action else ""
    return {name: f"{mark}{number}x{ending if name != 'host' else ''}" for number, name in enumerate(holes(action))}


def _replaced(value: Any, stand_in: str, by: str) -> Any:
    if isinstance(value, str):
        return value.replace(stand_in, by)
    if isinstance(value, Mapping):
        return {_replaced(key, stand_in, by): _replaced(inner, stand_in, by) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, stand_in, by) for inner in value]
    return value
