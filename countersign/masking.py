"""Keep secrets out of what is shown: reports, messages, names of runs, logs.

An action or the output of a command may hold a secret that nobody marked as one (`set env DB_PASSWORD=…`). What is
recognised by the name beside it, or as the password in an address, is shown as ***. The approval's own row keeps the
text: it is what was signed and what runs.
"""

import re
from collections.abc import Mapping
from typing import Any

MASK = "***"

_SECRET = re.compile(
    r"pass(word|wd|phrase|code)?s?$|pwd$|secret|token|credential|authorization|kubeconfig|dsn$|webhook|(^|[_.-])pat$"
    r"|(api|access|private|signing|encryption|account|license)[_.-]?key|connection[_.-]?string",
    re.IGNORECASE,
)
# secretName, tokenPath, secret_ref … say where a secret is, not what it is.
_POINTER = re.compile(r"(name|names|ref|refs|path|file|dir|id|type|count|seconds|version)$", re.IGNORECASE)

# Bounded, and begun only where a word begins: an output of megabytes is read once, not once from every character.
_NAME = r"(?<![\w.])[A-Za-z_][\w.-]{0,99}"
# A value ends where its quotes or the word do; a quote may be escaped, as in JSON inside JSON.
_QUOTED = r'\\"(?:(?!\\").){0,999}\\"|"(?:[^"\\\n]|\\.){0,999}"|\'[^\'\n]{0,999}\''
_WRAPPED = re.compile(rf"(?P<quote>['\"])(?P<name>{_NAME})=(?P<value>[^'\"\n]{{0,9999}})(?P=quote)")
_ASSIGNED = re.compile(rf"(?P<name>{_NAME})=(?P<value>{_QUOTED}|\S+)")
_ASSIGNED_WORD = re.compile(rf"(?P<flag>--(?P<name>[A-Za-z][\w-]{{0,99}}))(?P<gap>\s+)(?P<value>{_QUOTED}|[^\s-]\S*)")
_ADDRESS = re.compile(
    r"(?P<head>(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,30}://[^\s/:@]{0,200}:)[^\s@]{1,999}(?:@[^\s@/]{0,999})*?(?=@[^\s@]*(?:\s|$|[\"']))",
    re.IGNORECASE,
)
_ENTRY = re.compile(
    rf"(?P<head>\\?[\"']?(?P<name>{_NAME})\\?[\"']?[ \t]*:[ \t]*)(?P<value>{_QUOTED}|(?![|>{{\[\s])[^\n}}]+)"
)
_PAIR = re.compile(
    rf"(?P<head>\\?\"?name\\?\"?[ \t]*:[ \t]*\\?[\"']?(?P<name>{_NAME})\\?[\"']?,?\s*\\?\"?value\\?\"?[ \t]*:[ \t]*)"
    rf"(?P<value>{_QUOTED}|[^\n,}}]+)"
)


def names_a_secret(name: str) -> bool:
    """Tell whether a value of this name is to be kept from people's eyes."""
    return bool(_SECRET.search(name)) and not _POINTER.search(name)


def masked(text: str) -> str:
    """Return `text` with every value replaced by *** that its name, or its place in an address, makes a secret."""
    text = _PAIR.sub(_replaced, text)
    text = _ENTRY.sub(_replaced, text)
    text = _WRAPPED.sub(_wrapped, text)
    text = _ASSIGNED.sub(_assigned, text)
    text = _ASSIGNED_WORD.sub(_flagged, text)
    return _ADDRESS.sub(rf"\g<head>{MASK}", text)


def masked_values(value: Any) -> Any:
    """Return the JSON value with secrets replaced in every text, by the names of the keys that hold them."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {
            key: MASK if isinstance(item, str) and names_a_secret(str(key)) else masked_values(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [masked_values(item) for item in value]
    return value


def _replaced(found: re.Match[str]) -> str:
    return f"{found['head']}{MASK}" if names_a_secret(found["name"]) else found[0]


def _wrapped(found: re.Match[str]) -> str:
    quote = found["quote"]
    return f"{quote}{found['name']}={MASK}{quote}" if names_a_secret(found["name"]) else found[0]


def _assigned(found: re.Match[str]) -> str:
    if names_a_secret(found["name"]):
        return f"{found['name']}={MASK}"
    return f"{found['name']}={_ASSIGNED.sub(_assigned, found['value'])}"


def _flagged(found: re.Match[str]) -> str:
    return f"{found['flag']}{found['gap']}{MASK}" if names_a_secret(found["name"]) else found[0]
