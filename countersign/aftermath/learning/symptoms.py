"""Symptoms: label matchers, written as in Alertmanager's configuration.

alertname = KubePodCrashLooping
severity =~ warning|critical
team != "night shift"
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from countersign.canonical import sha256_of
from countersign.errors import InvalidInput

EXAMPLE = "alertname = KubePodCrashLooping"
ALERT = "alertname"
CATEGORY = "alert_category"
PATTERN_LIMIT = 200
_WRITTEN = re.compile(r"\s*(?P<label>[A-Za-z_][A-Za-z0-9_]*)\s*(?P<how>=~|!~|!=|=)\s*(?P<value>.*?)\s*", re.DOTALL)
# A repeated group can take exponential time on a value made for it, and each repetition in a row multiplies it.
_REPEATED_GROUP = re.compile(r"\)[*+{?]")
_GROUP_OF_ALTERNATIVES = re.compile(r"\([^)]*\|")
_REPETITION = re.compile(r"[*+{?]")
REPETITIONS = 3
VALUE_LIMIT = 200
"""Characters of a label's value that a pattern is tried on."""


@dataclass(frozen=True, order=True)
class Matcher:
    """One condition on a label. A label that is absent has the value ""."""

    label: str
    how: str
    """= or != a text, =~ or !~ a regular expression that has to match all of the value."""
    value: str

    def __str__(self) -> str:
        value = self.value
        if not value or value != value.strip() or value.startswith('"') or "\n" in value:
            escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            value = f'"{escaped}"'
        return f"{self.label} {self.how} {value}"

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether `labels` meet the condition."""
        given = labels.get(self.label, "")
        if self.how in ("=", "!="):
            return (given == self.value) is (self.how == "=")
        return (re.fullmatch(self.value, given[:VALUE_LIMIT]) is not None) is (self.how == "=~")


def read_matcher(text: str) -> Matcher:
    """Read one matcher. Raises InvalidInput saying what would work."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise InvalidInput(
            f"{text[:80]!r} is not a label matcher", hint=f"write LABEL = VALUE (or !=, =~, !~), e.g. {EXAMPLE}"
        )
    value = found["value"]
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", lambda one: "\n" if one[1] == "n" else one[1], value[1:-1], flags=re.DOTALL)
    matcher = Matcher(found["label"], found["how"], value)
    if matcher.how in ("=~", "!~"):
        _check_pattern(matcher)
    return matcher


def symptom_from(labels: Mapping[str, str]) -> tuple[Matcher, ...]:
    """Return the symptom of an incident with these labels: its alert and category, () without either.

    Namespace, pod, instance and the like say where, and the playbook has variables for that.
    """
    return tuple(Matcher(label, "=", labels[label]) for label in (ALERT, CATEGORY) if labels.get(label))


def matches(symptom: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Tell whether the labels meet every condition."""
    return all(matcher.matches(labels) for matcher in symptom)


def alert_in(symptom: Iterable[Matcher]) -> str:
    """Return the alertname that the symptom asks for exactly, "" if it does not."""
    return next((one.value for one in symptom if one.label == ALERT and one.how == "="), "")


def symptom_hash(symptom: Sequence[Matcher]) -> str:
    """Return the hash by which equal symptoms are known; the order of matchers does not matter."""
    return sha256_of(sorted({str(matcher) for matcher in symptom}))


def _check_pattern(matcher: Matcher) -> None:
    if len(matcher.value) > PATTERN_LIMIT:
        raise InvalidInput(
            f"the pattern of {matcher.label} has {len(matcher.value)} characters, at most {PATTERN_LIMIT} are read"
        )
    try:
        re.compile(matcher.value)
    except re.error as error:
        raise InvalidInput(
            f"{matcher.value[:80]!r} is not a regular expression: {error}",
            hint="write for example warning|critical",
        ) from None
    repeated = _REPEATED_GROUP.search(matcher.value) or len(_GROUP_OF_ALTERNATIVES.findall(matcher.value)) > 1
    if repeated or _repetitions(matcher.value) > REPETITIONS:
        raise InvalidInput(
            f"{matcher.value[:80]!r} could take for ever",
            hint=f"repeat no group, one group of alternatives, at most {REPETITIONS} repetitions, e.g. Kube.*|Node.*",
        )


def _repetitions(pattern: str) -> int:
    """Return how many repetitions one way through the pattern has at most."""
    ways = [pattern] if "(" in pattern else pattern.split("|")
    return max(len(_REPETITION.findall(way)) for way in ways)
