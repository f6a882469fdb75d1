"""Texts that say: observe, change nothing. And the contradiction of saying so beside a change."""

import re
import unicodedata
from typing import Final

from countersign.actions.kubectl import CHANGING_WORDS, READING_WORDS
from countersign.actions.operation import Observation
from countersign.errors import ParseFailure

_CONTAINED: Final = re.compile(r"NO[_-]?ACTION|\(未[設设]\)", re.IGNORECASE)
_AT_START: Final = ("OBSERVE", "INVESTIGATE")
_DECORATION: Final = " \t\n`*_#>$\"'「」-~"
_KUBECTL: Final = re.compile(r"(?<![a-z0-9])kubectl(?![a-z0-9_])", re.IGNORECASE)
_WITH_VALUE: Final = frozenset({"-n", "--namespace"})
_LOOK_AHEAD: Final = 300
_EFFECT: Final = r"(?:restart|reload|prune|renew|start|stop|kill|rm|upgrade|rollback|uninstall)"
_HOST_CHANGE: Final = re.compile(
    # …over ssh, where a program and what it does may stand apart,
    r"(?<![a-z0-9])ssh(?:[ \t]|://)[^\n]{0,80}?(?<![a-z])(?:(?:truncate|reboot|shutdown|rm)(?![a-z])"
    rf"|(?:docker|systemctl|service|certbot|nginx)[^\n]{{0,40}}?(?<![a-z]){_EFFECT}(?![a-z]))"
    # …or alone, side by side and followed by a name, since prose speaks of services that restart.
    rf"|(?<![a-z0-9])(?:systemctl|docker|docker[ -]compose|helm)[ \t]+{_EFFECT}[ \t]+[a-z0-9]",
    re.IGNORECASE,
)


def find_observation(text: str) -> Observation | None:
    """Return the observation that `text` asks for, or None.

    Raises ParseFailure when the same text also has a command that changes something: it contradicts itself.
    """
    plain = unicodedata.normalize("NFKC", text)
    found = _CONTAINED.search(plain)
    marker = found[0].upper() if found else None
    if marker is None:
        beginning = plain.lstrip(_DECORATION).upper()
        marker = next((word for word in _AT_START if beginning.startswith(word)), None)
    if marker is None:
        return None
    if _mentions_change(plain):
        raise ParseFailure(
            f"the text contradicts itself: {marker} says to change nothing, and a command changes something",
            hint="write either the marker or the command",
        )
    return Observation(marker)


def _mentions_change(text: str) -> bool:
    return bool(_HOST_CHANGE.search(text)) or any(
        _changes(text[found.end() : found.end() + _LOOK_AHEAD]) for found in _KUBECTL.finditer(text)
    )


def _changes(following: str) -> bool:
    """Tell whether the words after a `kubectl` are those of a command that changes something."""
    skip = False
    for word in following.split()[:12]:
        if skip or word.startswith("-"):
            skip = not skip and word in _WITH_VALUE
            continue
        bare = word.strip(".,;:!?()[]`'\"*，。；：！？、").lower()
        if bare in CHANGING_WORDS:
            return True
        if bare in READING_WORDS:
            return False
    return False
