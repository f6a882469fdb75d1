"""Flags as kubectl reads them (spf13/pflag): before or after arguments, `--a=b`, `--a b`, `-ab`, `-a=b`.

A catalogue entry lists the flags it knows; each is used, accepted without effect, or refused with a reason.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

from countersign.actions.words import Word
from countersign.errors import ForbiddenAction, ParseFailure


class Takes(StrEnum):
    """What follows a flag."""

    SWITCH = "true|false"
    """`--a`, `--a=true`, never `--a true`."""
    TEXT = "text"
    NUMBER = "number"
    DURATION = "duration"
    OPTIONAL = "[=text]"
    """`--a` or `--a=text`, never `--a text` (kubectl's --dry-run)."""


class Use(StrEnum):
    """What becomes of a flag."""

    READ = "read"
    IGNORED = "accepted, without effect"
    REFUSED = "refused"


@dataclass(frozen=True)
class Flag:
    """One flag of a command."""

    name: str
    takes: Takes = Takes.TEXT
    short: str = ""
    use: Use = Use.READ
    why: str = ""
    """Of a refused flag: why, a clause after "because"."""
    hint: str | None = None
    only: tuple[str, ...] = ()
    """Values that are acceptable; none listed means any."""
    many: bool = False
    """It may be given several times, and all values count."""
    reaches: bool = False
    """Of a refused flag: it would show what is secret, or reach elsewhere than the target."""


@dataclass
class Given:
    """A command line's flags and the words between them."""

    arguments: list[Word] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)
    places: dict[str, list[int]] = field(default_factory=dict)
    """Of each flag, the positions of the words that it was written with."""

    def text(self, name: str) -> str | None:
        """Return a flag's value, None when it was not given."""
        found = self.values.get(name)
        return found[-1] if found else None

    def switch(self, name: str, *, default: bool = False) -> bool:
        """Return a switch's value."""
        found = self.text(name)
        return default if found is None else found == "true"


# strconv.ParseBool
_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def read_flags(words: Sequence[Word], flags: Iterable[Flag], *, command: str, example: str) -> Given:
    """Sort the words of `command` into flags and arguments. Raises ParseFailure naming the flag."""
    known = list(flags)
    long = {flag.name: flag for flag in known}
    short = {flag.short: flag for flag in known if flag.short}
    given = Given()
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        text = word.text
        if text == "--":
            given.arguments.extend(words[position:])
            break
        if not text.startswith("-") or text == "-":
            given.arguments.append(word)
            continue
        pending = (
            _long(text, long, command, example) if text.startswith("--") else _short(text, short, command, example)
        )
        begins = position - 1
        for flag, value in pending:
            found = value
            if found is None and flag.takes in (Takes.TEXT, Takes.NUMBER, Takes.DURATION):
                if flag.use is Use.REFUSED:
                    _refuse(flag, command)
                if position == len(words):
                    raise ParseFailure(f"--{flag.name} needs a value", hint=f"for example: {example}")
                found = words[position].text
                position += 1
            _note(given, flag, found, command)
            given.places.setdefault(flag.name, []).extend(range(begins, position))
    return given


def _long(text: str, known: Mapping[str, Flag], command: str, example: str) -> list[tuple[Flag, str | None]]:
    name, equals, value = text[2:].partition("=")
    # kubectl reads _ in a flag's name as - (cliflag.WordSepNormalizeFunc).
    flag = known.get(name.replace("_", "-"))
    if flag is None:
        raise unknown_flag(f"--{name}", known, command, example)
    return [(flag, value if equals else None)]


def _short(text: str, known: Mapping[str, Flag], command: str, example: str) -> list[tuple[Flag, str | None]]:
    """Read `-ab` as -a -b as long as they are switches, and the rest as the value of the first that takes one."""
    out: list[tuple[Flag, str | None]] = []
    rest = text[1:]
    while rest:
        flag = known.get(rest[0])
        if flag is None:
            raise unknown_flag(f"-{rest[0]}", known, command, example)
        if flag.use is Use.REFUSED:
            _refuse(flag, command)
        rest = rest[1:]
        if rest.startswith("="):
            return [*out, (flag, rest[1:])]
        if flag.takes not in (Takes.SWITCH, Takes.OPTIONAL):
            return [*out, (flag, rest or None)]
        out.append((flag, None))
    return out


def _note(given: Given, flag: Flag, value: str | None, command: str) -> None:
    if flag.takes is Takes.SWITCH:
        value = _truth(flag, value)
    if value is None:
        value = ""
    if flag.use is Use.REFUSED and not (flag.takes is Takes.SWITCH and value == "false"):
        if not (flag.only and value in flag.only):
            _refuse(flag, command)
        return
    if flag.only and value not in flag.only:
        raise ParseFailure(f"--{flag.name} may not be {value!r} here", hint=f"possible: {', '.join(flag.only)}")
    values = given.values.setdefault(flag.name, [])
    # pflag lets the last one win; two different values in one approved text are a contradiction.
    if values and not flag.many and flag.use is Use.READ and values[-1] != value:
        raise ParseFailure(f"--{flag.name} is given twice, as {values[-1]!r} and {value!r}", hint="give it once")
    values.append(value)


def _truth(flag: Flag, value: str | None) -> str:
    if value is None or value in _TRUE:
        return "true"
    if value in _FALSE:
        return "false"
    raise ParseFailure(f"--{flag.name} is a switch, it cannot be {value!r}", hint=f"write --{flag.name} alone")


def _refuse(flag: Flag, command: str) -> None:
    kind = ForbiddenAction if flag.reaches else ParseFailure
    raise kind(f"--{flag.name} is refused on {command}: {flag.why}", hint=flag.hint)


def unknown_flag(name: str, known: Mapping[str, Flag], command: str, example: str) -> ParseFailure:
    """Return the failure for a flag that the command does not have, with the nearest one as a hint."""
    shown = name[:60]
    near = get_close_matches(shown.lstrip("-"), [key for key, flag in known.items() if flag.use is Use.READ], n=1)
    hint = f"did you mean {'--' if len(near[0]) > 1 else '-'}{near[0]}?" if near else f"for example: {example}"
    return ParseFailure(f"{command} has no flag {shown!r} that is supported here", hint=hint)
