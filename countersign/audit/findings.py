"""What verification can find, each with a sentence that names the rows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

MOST_OF_A_KIND = 50
"""Findings of one kind that are told; the others are counted."""


class Kind(StrEnum):
    """What was done to the records."""

    CHANGED = "changed"
    """A row, or a record that a row tells of, is not what it was."""
    REMOVED = "removed"
    REORDERED = "reordered"
    CUT = "cut"
    """The end of the trail is missing."""
    UNCHAINED = "unchained"
    """A record that no row tells of, or a row that was put beside the tree."""
    HEAD = "head"
    """A signed head that is not ours, or not of this tree."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    kind: Kind
    sentence: str


@dataclass
class Findings:
    """Everything that is wrong, as it comes up."""

    told: list[Finding] = field(default_factory=list)
    counts: Counter[Kind] = field(default_factory=Counter)

    def add(self, kind: Kind, sentence: str) -> None:
        """Put a finding down."""
        self.counts[kind] += 1
        if self.counts[kind] <= MOST_OF_A_KIND:
            self.told.append(Finding(kind, sentence))

    @property
    def untold(self) -> int:
        """How many there are beyond those that are told."""
        return self.counts.total() - len(self.told)


@dataclass(frozen=True)
class Verified:
    """The answer of a verification."""

    rows: int
    chains: int
    size: int
    """Leaves of the tree."""
    heads: int
    waiting: int
    """Rows that are not sealed yet."""
    findings: Sequence[Finding]
    untold: int

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.findings
