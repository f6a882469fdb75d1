"""Commands of kubectl that are patches under another name: refused, with the patch that does the same."""

import json
import shlex
from collections.abc import Sequence
from typing import Any, Final

from countersign.actions.kinds import find_kind
from countersign.actions.words import Word
from countersign.errors import ParseFailure

_SUBCOMMANDS: Final = {"serviceaccount": "serviceaccount", "sa": "serviceaccount", "selector": "selector"}


def is_a_patch(command: Sequence[str], words: Sequence[Word]) -> ParseFailure | None:
    """Return the refusal of `set serviceaccount` or `set selector` with the patch in its hint; None for others.

    `words` are the command line's other words.
    """
    what = _SUBCOMMANDS.get(command[1]) if len(command) == 2 and command[0] == "set" else None
    if what is None:
        return None
    arguments, namespace = _arguments(words)
    object_, value = _object(arguments)
    kind = object_.partition("/")[0]
    if what == "serviceaccount":
        body: Any = _service_account(kind, value or "NAME")
        type_ = "strategic"
    else:
        selector = dict(_pair(text) for text in (value or "KEY=VALUE").split(","))
        body, type_ = [{"op": "replace", "path": "/spec/selector", "value": selector}], "json"
    patch = json.dumps(body, separators=(",", ":"))
    equivalent = ["kubectl", "patch", object_, f"--type={type_}", "-p", patch, *namespace]
    return ParseFailure(f"kubectl set {command[1]} is a patch", hint=f"write it as one: {shlex.join(equivalent)}")


def _arguments(words: Sequence[Word]) -> tuple[list[str], list[str]]:
    """Return the words that are no flags, and the namespace's flag as it is written canonically."""
    arguments: list[str] = []
    namespace: list[str] = []
    texts = [word.text for word in words]
    while texts:
        text = texts.pop(0)
        if text in ("-n", "--namespace"):
            namespace = ["-n", *texts[:1]]
            texts = texts[1:]
        elif text.startswith("--namespace="):
            namespace = ["-n", text.partition("=")[2]]
        elif not text.startswith("-"):
            arguments.append(text)
    return arguments, namespace


def _object(arguments: Sequence[str]) -> tuple[str, str | None]:
    match arguments:
        case [object_, value, *_] if "/" in object_:
            return object_, value
        case [object_] if "/" in object_:
            return object_, None
        case [type_, name, value, *_]:
            return f"{type_}/{name}", value
        case [type_, name]:
            return f"{type_}/{name}", None
    return "TYPE/NAME", None


def _service_account(type_: str, name: str) -> dict[str, Any]:
    template = {"spec": {"serviceAccountName": name}}
    kind = find_kind(type_)
    if kind is not None and kind.kind == "CronJob":
        return {"spec": {"jobTemplate": {"spec": {"template": template}}}}
    return {"spec": {"template": template}}


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key, value
