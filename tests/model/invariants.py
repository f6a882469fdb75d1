"""What has to be true after every step, whoever did it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from countersign.records.journal import entries
from countersign.records.outcomes import Outcome, approval_status_after
from countersign.records.states import ApprovalStatus, EntryKind
from countersign.records.tables import Approval, Execution
from tests.model.process import Job
from tests.model.target import Target

UNCLAIMED = (
    ApprovalStatus.PENDING,
    ApprovalStatus.APPROVED,
    ApprovalStatus.REJECTED,
    ApprovalStatus.EXPIRED,
    ApprovalStatus.CANCELLED,
)
HELD = text("""
    SELECT target_hold.target_key, target_hold.execution_id, execution.settled_at
    FROM target_hold JOIN execution ON execution.id = target_hold.execution_id WHERE released_at IS NULL
""")
OPEN_LOGS = text("SELECT execution_id FROM automation_operation_log WHERE status = 'pending'")
Entry = tuple[int | None, int, str, str, int, str | None]


@dataclass(frozen=True)
class Seen:
    """What was on record at the last look."""

    fences: Mapping[UUID, int] = field(default_factory=dict)
    journals: Mapping[UUID, Sequence[Entry]] = field(default_factory=dict)
    plans: Mapping[UUID, str] = field(default_factory=dict)
    outcomes: Mapping[UUID, Outcome] = field(default_factory=dict)
    unsettled: Sequence[Execution] = ()
    unknown: Sequence[Execution] = ()
    open: Sequence[UUID] = ()
    """Approvals that are neither ended nor waiting for a person."""
    held: Sequence[str] = ()
    open_logs: Sequence[UUID] = ()


def check(session: Session, jobs: Mapping[UUID, Job], target: Target, before: Seen) -> Seen:
    """Assert every promise, and return what is on record now."""
    ids = list(jobs)
    # In the order of filing: what Hypothesis draws must mean the same when it plays a life again.
    approvals = sorted(
        session.exec(select(Approval).where(col(Approval.id).in_(ids))).all(), key=lambda one: ids.index(one.id)
    )
    found = sorted(
        session.exec(select(Execution).where(col(Execution.approval_id).in_(ids))).all(),
        key=lambda one: ids.index(one.approval_id),
    )
    by_approval = {execution.approval_id: execution for execution in found}
    assert len(by_approval) == len(found), "an approval has two executions that can have an effect"
    held = session.execute(HELD).all()
    seen = Seen(
        fences={execution.id: execution.fence for execution in found},
        journals={execution.id: _journal(session, execution.id) for execution in found},
        plans={execution.id: execution.plan_hash for execution in found if execution.plan_hash},
        outcomes={execution.id: execution.outcome for execution in found if execution.outcome},
        unsettled=[execution for execution in found if execution.outcome is None],
        unknown=[execution for execution in found if execution.outcome is Outcome.UNKNOWN],
        open=[
            approval.id
            for approval in approvals
            if approval.status in (ApprovalStatus.APPROVED, ApprovalStatus.EXECUTING)
        ],
        held=[row.target_key for row in held],
        open_logs=list(session.execute(OPEN_LOGS).scalars()),
    )
    twice = [identity for identity, times in target.effects.items() if times > 1]
    assert not twice, f"an effect happened twice: {twice}"
    for approval in approvals:
        _agrees(approval, by_approval.get(approval.id))
    for execution in found:
        _tells_the_truth(execution, jobs[execution.approval_id], target)
        _is_well_formed(seen.journals[execution.id])
    assert len({row.target_key for row in held}) == len(held), "two executions hold one target"
    assert all(row.settled_at is None for row in held), "a settled execution holds a target"
    _only_grows(before, seen)
    return seen


def _agrees(approval: Approval, execution: Execution | None) -> None:
    if execution is None:
        assert approval.status in UNCLAIMED, f"{approval.status} without an execution"
    elif execution.outcome is None:
        assert approval.status is ApprovalStatus.EXECUTING, f"{approval.status} while it is being executed"
    else:
        assert approval.status is approval_status_after(execution.outcome), f"{approval.status}: {execution.outcome}"


def _tells_the_truth(execution: Execution, job: Job, target: Target) -> None:
    effects = [target.effects[f"{job.approval_id}/{name}"] for name in job.objects]
    match execution.outcome:
        case Outcome.SUCCESS:
            assert all(effects), "success without the effect"
        case Outcome.BLOCKED | Outcome.CANCELLED:
            # What was given up may arrive later; then it is looked at again, and the record corrected.
            assert not any(effects) or execution.look_again_until, f"{execution.outcome} although something happened"
        case Outcome.FAILED if not job.guarded:
            assert not all(effects), "failed although everything took effect"
        case Outcome.UNKNOWN:
            assert job.guarded, "unknown although the target could tell"
    intents = execution.plan is not None
    assert intents or not any(effects), "an effect without a plan"


def _is_well_formed(journal: Sequence[Entry]) -> None:
    fences = [fence for _, fence, *_ in journal]
    assert fences == sorted(fences), "a former owner wrote after its successor"
    open_steps: set[str] = set()
    for _, _, kind, step, _, _ in journal:
        if kind == EntryKind.INTENT:
            # Sent, and nobody knows what became of it: it must not be sent again before somebody looked.
            assert step not in open_steps, f"{step} was sent again without a look at the target"
            open_steps.add(step)
        else:
            open_steps.discard(step)


def _only_grows(before: Seen, now: Seen) -> None:
    for id_, fence in before.fences.items():
        assert now.fences[id_] >= fence, "a fence fell"
    for id_, journal in before.journals.items():
        assert now.journals[id_][: len(journal)] == journal, "the journal was changed"
    for id_, plan in before.plans.items():
        assert now.plans[id_] == plan, "a plan was changed"
    for id_, outcome in before.outcomes.items():
        assert now.outcomes[id_] is outcome or outcome is Outcome.UNKNOWN, "an outcome was changed"


def _journal(session: Session, execution_id: UUID) -> Sequence[Entry]:
    return [
        (entry.seq, entry.fence, entry.kind, entry.step, entry.attempt, entry.answer)
        for entry in entries(session, execution_id)
    ]
