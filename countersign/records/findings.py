"""What a round of reconciliation finds, in the words that its parts, its table and its statistics share."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was not as it should be, and what was done about it."""

    subject: str
    """The approval, execution, step, incident or flow run."""
    done: str
    """A sentence."""
    age_seconds: float | None = None
    """How long it had been so, where that is known."""
    failed: bool = False
    """True when nothing could be done about it; the next round finds it again."""


@dataclass(frozen=True)
class Looked:
    """What one part of a round came to."""

    part: str
    findings: Sequence[Finding]
    problem: str | None = None
    """Why the part could not be looked at, or not to its end."""

    @property
    def done(self) -> int:
        """How many findings were dealt with."""
        return len(self.findings) - self.failed

    @property
    def failed(self) -> int:
        """How many findings nothing could be done about."""
        return sum(finding.failed for finding in self.findings)

    @property
    def oldest_seconds(self) -> float | None:
        """The age of what had been so for the longest, None where no age is known."""
        return max((f.age_seconds for f in self.findings if f.age_seconds is not None), default=None)
