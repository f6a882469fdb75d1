"""Secrets beside their names: assignments, entries of YAML and JSON, flags, pairs of name and value, JSON patches.

Each form has a head, which is found from left to right, and a rule for where the value after it ends. What is no
secret is read on right behind the head, so a value may hold further names.
"""

import re
from collections.abc import Callable

from countersign.masking.blocks import contents_of_a_secret
from countersign.masking.names import MASK, names_a_secret, points_at_a_secret, tells_nothing
from countersign.masking.quoting import (
    at_quote,
    end_of_brackets,
    end_of_enclosing,
    end_of_quoted,
    end_of_word,
    line_end,
)

_Q = r"\\{0,7}[\"']?"
_NAME = r"(?<![\w.-])[\w.-]++"
_COLON = rf"{_Q}\s*+:\s*+"

_ASSIGNED = re.compile(rf"(?P<name>{_NAME})(?P<gap>[ \t]*+)[=＝](?P<after>[ \t]*+)")
_ENTRY = re.compile(
    rf"(?P<open>\\{{0,7}}[\"'])?(?P<name>{_NAME})(?P<close>\\{{0,7}}[\"'])?[ \t]*+[:：](?P<after>[ \t]*+)"
)
_FLAG = re.compile(
    r"(?<![\w-])--?(?P<name>[A-Za-z][\w-]++)"
    r"(?:\\{0,7}[\"'][ \t]*+,\s*+|\\{0,7}[\"']?\s++(?:-[ \t]++)?)(?=[^\s-])"
)
_USER = re.compile(
    r"(?<![\w-])(?:-u|--user|--proxy-user)(?:[ \t]*+|=|\\{0,7}[\"'][ \t]*+,\s*+)\\{0,7}[\"']?"
    r"(?P<name>[^\s:\"'\\@/]++):(?!//)"
)
_LITERAL_DATA = re.compile(r"(?<![\w-])--from-literal(?:=|\s++)\\{0,7}[\"']?(?P<name>[\w.-]++)=")
_OP = rf"(?:{_Q}op{_COLON}{_Q}\w*+{_Q}\s*+,?+\s*+)?"
_PATH = r"(?P<path>/[^\s\"'\\,]*+)"
_VALUE = rf"(?<![\w.-]){_Q}value{_COLON}"
_PAIR = re.compile(
    rf"(?<![\w.-])(?:name{_COLON}{_Q}(?P<name>[\w.-]++)|path{_COLON}{_Q}{_PATH}){_Q}\s*+,?+\s*+{_OP}{_VALUE}"
)
_VALUE_FIRST = re.compile(_VALUE)
_ITS_NAME = re.compile(rf"\s*+,?+\s*+{_OP}{_Q}(?:name{_COLON}{_Q}(?P<name>[\w.-]++)|path{_COLON}{_Q}{_PATH}){_Q}")

_JSON_SCALAR = re.compile(r"[\w.+-]++(?=[\s,}\]]|\Z)")
_MAPPING = re.compile(r"\{\s*+(?:[}\\\"']|[\w./-]++\s*+:|\Z)|\[\s*+(?:[{\]]|\Z)")
_LINE_DONE = re.compile(r"[ \t]*+(?:[,}\])\r\n]|\Z)|\\*[\"']")
# volume "db-secret": secret not found. The cluster says so of things with such names.
_OF_A_THING = re.compile(
    r"\b(?:volumes?|secrets?|webhook|pods?|containers?|services?|deployments?|statefulsets?|daemonsets?|jobs?"
    r"|replicasets?|configmaps?|nodes?|image|account|object|resource)[ \t]+\Z",
    re.IGNORECASE,
)
_DOMAIN = re.compile(r"[\w-]\.[\w.-]{1,100}/\Z")
_IMAGE = re.compile(r"image\W{1,8}\Z", re.IGNORECASE)

Span = tuple[int, int] | None
"""From where to where a secret stands."""


def without_named(text: str) -> str:
    """Return `text` with every value replaced by *** whose name says that it is a secret."""
    if ":" in text or "：" in text:
        contents = contents_of_a_secret(text)
        text = _replaced(text, _PAIR, _pair)
        text = _replaced(text, _VALUE_FIRST, _value_first)
        text = _replaced(text, _ENTRY, lambda found: _entry(found, contents))
        text = _replaced(text, _USER, _user)
    if "=" in text or "＝" in text:
        text = _replaced(text, _LITERAL_DATA, _word)
        text = _replaced(text, _ASSIGNED, _assigned)
    return _replaced(text, _FLAG, _flag) if "-" in text else text


def _replaced(text: str, head: re.Pattern[str], secret: Callable[[re.Match[str]], Span]) -> str:
    shown, done, at = [], 0, 0
    while found := head.search(text, at):
        span = secret(found)
        if span is None or span[0] >= span[1]:
            at = found.end()
        else:
            shown += [text[done : span[0]], MASK]
            done = at = span[1]
    return "".join([*shown, text[done:]])


def _assigned(found: re.Match[str]) -> Span:
    if not names_a_secret(found["name"]):
        return None
    text, start = found.string, found.end()
    if found["after"] and not at_quote(text, start):
        return start, line_end(text, start)  # as configuration files have it: name = value
    return _word(found)


def _word(found: re.Match[str]) -> Span:
    text, start = found.string, found.end()
    end = end_of_enclosing(text, found.start("name"))
    return start, end_of_word(text, start) if end is None else max(end, start)


def _flag(found: re.Match[str]) -> Span:
    start = found.end()
    return (start, end_of_word(found.string, start)) if names_a_secret(found["name"]) else None


def _user(found: re.Match[str]) -> Span:
    span = _word(found)
    # docker's -u takes numbers of user and group.
    numbers = span and found["name"].isdigit() and found.string[span[0] : span[1]].strip("\"'").isdigit()
    return None if numbers else span


def _pair(found: re.Match[str]) -> Span:
    return (found.end(), _end_of_value(found, found.end())) if _is_secret(found) else None


def _value_first(found: re.Match[str]) -> Span:
    text, start = found.string, found.end()
    if text[start : start + 1] in ("{", "["):
        return None
    end = end_of_quoted(text, start) if at_quote(text, start) else line_end(text, start)
    its_name = _ITS_NAME.match(text, end) if end is not None else None
    return (start, end) if end is not None and its_name and _is_secret(its_name) else None


def _is_secret(found: re.Match[str]) -> bool:
    if found["path"] is not None:
        return points_at_a_secret(found["path"])
    return names_a_secret(found["name"])


def _entry(found: re.Match[str], contents: frozenset[str]) -> Span:
    text, start, name = found.string, found.end(), found["name"]
    whole = name in contents
    if not (whole or names_a_secret(name)) or _is_no_key(found) or tells_nothing(text, start):
        return None
    if text[start : start + 1] in ("{", "["):
        if whole or (found["close"] and text[start] == "[" and not _MAPPING.match(text, start)):
            return start, end_of_brackets(text, start)
        if _MAPPING.match(text, start):
            return None
    if whole or start == line_end(text, start):
        return None  # what is below a name is dealt with by blocks
    if not (found["open"] and found["close"]) and not at_quote(text, start):
        end = end_of_enclosing(text, found.start("name"))
        return start, line_end(text, start) if end is None else max(end, start)
    return start, _end_of_value(found, start)


def _is_no_key(found: re.Match[str]) -> bool:
    """Tell whether a name with a colon behind it is something else: a thing's name in a sentence, an image's tag."""
    text, quoted = found.string, found["open"] and found["close"]
    start = found.start() if quoted else found.start("name")
    before = text[max(0, start - 120) : start]
    if quoted:
        return _OF_A_THING.search(before) is not None
    if before.endswith("/") and not _DOMAIN.search(before):
        return True
    if found["after"] or found.end() == line_end(text, found.end()):
        return False
    return (
        before.endswith(("/", "@")) or (before.endswith("=") and "-" in found["name"]) or bool(_IMAGE.search(before))
    )


def _end_of_value(found: re.Match[str], start: int) -> int:
    """Return where the value at `start` ends: with its quotes or brackets, as a JSON scalar, or with its line."""
    text = found.string
    if at_quote(text, start):
        end = end_of_quoted(text, start)
        while end is not None and at_quote(text, end):
            end = end_of_quoted(text, end)  # 'it''s' in YAML
        return end if end is not None and _LINE_DONE.match(text, end) else line_end(text, start)
    if text[start : start + 1] in ("{", "["):
        return end_of_brackets(text, start)
    scalar = _JSON_SCALAR.match(text, start)
    if scalar is not None and text[scalar.end() : scalar.end() + 1] in (",", "}", "]"):
        return scalar.end()
    return line_end(text, start)
