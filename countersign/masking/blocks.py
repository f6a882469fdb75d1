"""Secrets below their names, in YAML and in what kubectl describes: block scalars and values of several lines.

password: |            DB_KEY:  first line             tokens:
  hunter2                       second line            - hunter2
"""

import re

from countersign.masking.names import MASK, names_a_secret, points_at_a_secret, tells_nothing
from countersign.masking.quoting import at_quote, end_of_quoted

_KEY = re.compile(
    r"(?P<before>[ \t]*+(?:-[ \t]++)*+)(?P<quote>[\"']?)(?P<name>[\w./-]++)(?P=quote)[ \t]*+[:：](?=\s|\Z)"
)
_HEADER = re.compile(r"(?:[!&]\S*[ \t]+){0,3}[|>][-+0-9]{0,3}[ \t]*(?:#.*)?\Z")
_MAPPING = re.compile(r"(?:-[ \t]++)*+(?:[\"']?[\w./-]++[\"']?[ \t]*+:(?:\s|\Z)|[{\[]|-[ \t]*\Z)")
_SECRET_KIND = re.compile(r"\bkind\\*[\"']?[ \t]*:[ \t]*\\*[\"']?Secret\b")


def contents_of_a_secret(text: str) -> frozenset[str]:
    """Return the names of mappings whose values are all secrets, in `text`."""
    return frozenset({"stringData", "data"} if _SECRET_KIND.search(text) else {"stringData"})


def without_blocks(text: str) -> str:
    """Return `text` with the lines that belong to a secret's name replaced by *** beside the name."""
    if "\n" not in text:
        return text
    contents = contents_of_a_secret(text)
    lines, shown, at, named = text.split("\n"), [], 0, -1
    while at < len(lines):
        line = lines[at]
        at += 1
        key = _KEY.match(line)
        end = None
        if key is not None:
            pointed_at = key["name"] == "value" and len(key["before"]) == named
            named = len(key["before"]) if _names_the_next(key) else -1
            if pointed_at or key["name"] in contents or names_a_secret(key["name"]):
                end = _end(lines, at, key, whole=key["name"] in contents)
        if key is None or end is None:
            shown.append(line)
        else:
            shown.append(f"{line[: key.end()]} {MASK}")
            at = end
    return "\n".join(shown)


def _names_the_next(key: re.Match[str]) -> bool:
    """Tell whether the line says of the value on the next one that it is a secret (name: API_KEY, value: …)."""
    said = key.string[key.end() :].strip().strip("\"'")
    return (key["name"] == "name" and names_a_secret(said)) or (key["name"] == "path" and points_at_a_secret(said))


def _end(lines: list[str], at: int, key: re.Match[str], *, whole: bool) -> int | None:
    """Return the number of the line after those that belong to the value of `key`; None if none does."""
    value, column = key.string[key.end() :].strip(), len(key["before"])
    if _HEADER.match(value) or (whole and not value):
        return _deeper(lines, at, column)
    if not value:
        first = next((line for line in lines[at : at + 3] if line.strip()), "")
        if _MAPPING.match(first.strip()):
            return None
        return _deeper(lines, at, column, items=first.lstrip().startswith("- "))
    if tells_nothing(value, 0) or value[0] in "{[" or (at_quote(value, 0) and end_of_quoted(value, 0)):
        return None
    return _deeper(lines, at, column)


def _deeper(lines: list[str], at: int, column: int, *, items: bool = False) -> int | None:
    """Return the number of the line after those that are indented by more than `column`; None if there is none."""
    end = None
    for number in range(at, len(lines)):
        line = lines[number]
        bare = line.lstrip()
        if not bare:
            continue
        indent = len(line) - len(bare)
        if indent <= column and not (items and indent == column and bare.startswith("- ")):
            break
        end = number + 1
    return end
