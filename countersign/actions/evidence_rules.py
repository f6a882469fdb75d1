"""Pure: what a read-only command would show of a Secret, and which templates make more text than anybody reads.

Asked twice: when an action is read, and before kubectl is started, whoever let the command through.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

_PLAIN_OUTPUTS: Final = frozenset({"", "wide", "name"})
# What they print of a Secret is its type's name, its events or a schema.
_WITHOUT_CONTENTS: Final = frozenset({"api-resources", "api-versions", "auth", "cluster-info", "events", "explain"})
_TEMPLATES: Final = ("go-template", "template", "jsonpath", "jsonpath-as-json", "custom-columns")

_LONGEST_TEMPLATE: Final = 2000
_MOST_RANGES: Final = 4
_MOST_DESCENTS: Final = 2
# text/template: a template that calls two others, eight times over, is the longest text that memory holds.
_NESTED: Final = re.compile(r"\{\{-?\s*(?:define|block|template)\b")
# {{$a = printf "%s%s" $a $a}} doubles what it holds each time.
_VARIABLE: Final = re.compile(r"\$\w*\s*(?:,\s*\$\w+\s*)?:?=")
_JOINING: Final = re.compile(r"\b(?:printf?|println|html|js|urlquery)\b")
_RANGE: Final = re.compile(r"\{\s*-?\s*range\b")


def why_secret(command: str, arguments: Iterable[str], flags: Mapping[str, Sequence[str]]) -> str | None:
    """Return why `command` (its first word) with `flags` (long name: values) must not run, None if it may.

    It may where no argument names Secrets.
    """
    if command in _WITHOUT_CONTENTS or not any(map(_is_secret, arguments)):
        return None
    if command == "describe":
        return "the token of a ServiceAccount would be shown"
    if command == "wait":
        return "its answer tells whether a guess at the contents is right"
    if flags.get("sort-by"):
        return "their order tells about their contents"
    outputs = (*flags.get("output", ()), *flags.get("template", ()))
    if any(form not in _PLAIN_OUTPUTS for form in outputs):
        return "the contents of a Secret would be shown"
    return None


def _is_secret(argument: str) -> bool:
    types = argument.partition("/")[0].lower().split(",")
    return any(kind.partition(".")[0] in ("secret", "secrets") for kind in types)


def why_template(flags: Mapping[str, Sequence[str]]) -> str | None:
    """Return why a template among `flags` (long name: values) is refused, None where none is."""
    for output in flags.get("output", ()):
        form, _, template = output.partition("=")
        if form in _TEMPLATES and (why := _growing(template)):
            return why
    return next(filter(None, map(_growing, flags.get("template", ()))), None)


def _growing(template: str) -> str | None:
    if len(template) > _LONGEST_TEMPLATE:
        return f"it is longer than {_LONGEST_TEMPLATE} characters"
    if _NESTED.search(template):
        return "templates that call templates can make more text than memory holds"
    if _VARIABLE.search(template) and _JOINING.search(template):
        return "a variable that is joined with itself can make more text than memory holds"
    if len(_RANGE.findall(template)) > _MOST_RANGES:
        return f"it has more than {_MOST_RANGES} ranges"
    if template.count("..") > _MOST_DESCENTS:
        return f"it has more than {_MOST_DESCENTS} recursive descents (..)"
    return None
