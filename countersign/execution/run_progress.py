"""How far a run is, for whoever waits for it: read from the plan, the journal and the ledger as they stand.

Nothing is decided by it, so seals are not looked at; and nothing is guessed: what no record says is not said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlmodel import Session

from countersign.masking import masked
from countersign.records import journal
from countersign.records.database.engine import clock
from countersign.records.journal import StepProgress
from countersign.records.ledger import SoFar, so_far_of, steps_of
from countersign.records.plans import plan_of
from countersign.records.queries import execution_of
from countersign.records.rollbacks import rollback_of
from countersign.records.states import Answer, StepStatus
from countersign.records.tables import Execution, LedgerStep
from countersign.texts import text
from countersign.texts.durations import duration

OPEN = (StepStatus.PENDING, StepStatus.RUNNING)
LONGEST = 300


@dataclass(frozen=True)
class RunProgress:
    """Where a run stands."""

    done: int
    of: int
    """Changes of the plan while it is performed, steps of the ledger afterwards; 0 where there is no plan yet."""
    said: str
    """One sentence, which changes when something has happened."""
    held_up_by: str = ""
    """What keeps it from going on, as the target said; empty where nothing does."""
    seconds_left: float | None = None
    """Until when it is looked at the target; None where no end is set."""

    @property
    def percent(self) -> float:
        """How much of what is counted is done."""
        return 100 * self.done / self.of if self.of else 0.0

    @property
    def sentence(self) -> str:
        """Everything in one line."""
        parts = [self.said, text("running.held_up", reason=self.held_up_by) if self.held_up_by else ""]
        if self.seconds_left is not None:
            parts.append(text("running.time_left", duration=duration(round(self.seconds_left) * 1000)))
        return " ".join(filter(None, parts))


def run_progress(session: Session, approval_id: UUID) -> RunProgress | None:
    """Return how far the approval's run is; None before it is claimed, and once nothing of it is open."""
    execution = execution_of(session, approval_id)
    if execution is None:
        return None
    back = rollback_of(session, execution.id)
    if back is not None and back.settled_at is None:
        return _performing(session, back)
    if execution.settled_at is None:
        return _performing(session, execution)
    return _following(session, execution, back)


def _performing(session: Session, execution: Execution) -> RunProgress:
    stored = plan_of(session, execution.id)
    if stored is None:
        return RunProgress(0, 0, text("running.checking"))
    known = journal.progress(journal.entries(session, execution.id))
    steps: Sequence[Mapping[str, Any]] = stored.plan["steps"]
    changes = [step for step in steps if step["changes"]]
    landed = sum(_landed(known, step) for step in changes)
    now = next((step for step in steps if not _landed(known, step)), None)
    evictions = [step for step in changes if step["request"].get("effect") == "evict"]
    if evictions:
        said = text("running.evicted", done=sum(_landed(known, step) for step in evictions), count=len(evictions))
    else:
        said = text("running.applied", done=landed, count=len(changes))
    if now is not None:
        said = f"{said} {text('running.now', step=masked(now['title']))}"
    return RunProgress(landed, len(changes), said, _held_up_by(known.get(now["key"]) if now is not None else None))


def _landed(known: Mapping[str, StepProgress], step: Mapping[str, Any]) -> bool:
    return step["key"] in known and known[step["key"]].landed


def _held_up_by(step: StepProgress | None) -> str:
    """Return why the target did not take the last request; empty where it was not asked, or has not answered."""
    if step is None or step.last_answer is not Answer.RETRY:
        return ""
    return _clipped(str(step.detail.get("reason", "")))


def _following(session: Session, execution: Execution, back: Execution | None) -> RunProgress | None:
    rows = [*steps_of(session, execution.id), *(steps_of(session, back.id) if back is not None else ())]
    running = [row for row in rows if row.status in OPEN]
    if not running:
        return None
    done = len(rows) - len(running)
    for row in rows:
        if (looking := so_far_of(row)) is not None:
            left = max(0.0, (looking.until - clock(session)).total_seconds())
            return RunProgress(done, len(rows), _verifying(looking), seconds_left=left)
    return RunProgress(done, len(rows), text("running.following", steps=_names(running), done=done, count=len(rows)))


def _verifying(looking: SoFar) -> str:
    if not looking.waiting_for:
        return text("running.watching")
    return text("running.verifying", reasons=_clipped("; ".join(looking.waiting_for)))


def _names(rows: Sequence[LedgerStep]) -> str:
    return ", ".join(text(f"step_name.{row.name}") for row in rows)


def _clipped(said: str) -> str:
    said = masked(" ".join(said.split()))
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…"
