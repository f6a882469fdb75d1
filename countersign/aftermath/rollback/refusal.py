"""A rollback that is not made: why, on record like the end of any rollback, so that people are told of it.

What the policy would have taken back and is not is no detail of a step: the target is worse than before, and only a
person will look. So it is an execution that ended as blocked, with a report, a warning on the timeline, an operation
log row, and the message to the channels.
"""

from countersign.actions import describe, read_action
from countersign.aftermath.rollback.decision import Against
from countersign.aftermath.subject import Done, StepEnd, Subject
from countersign.errors import RollbackNotMade
from countersign.execution.conclusion import conclude
from countersign.execution.progress import NOTHING
from countersign.execution.run_state import Known
from countersign.execution.settlement import settle_as
from countersign.records.database.engine import transaction
from countersign.records.ledger import require_step
from countersign.records.rollbacks import start_unmade_rollback
from countersign.texts import text


def not_made(decided: Against | StepEnd) -> RollbackNotMade:
    """Return the error that ends a rollback for what was decided."""
    match decided:
        case Against(reason=reason):
            return RollbackNotMade(reason, hint=text("rollback.look"))
        case Done(result=result):
            return RollbackNotMade(str(result["summary"]))
        case _:
            return RollbackNotMade(decided.reason)


def put_unmade_on_record(subject: Subject, against: Against, *, runner: str) -> None:
    """Put on record that the rollback which is due is not made. Raises StaleFence: the step is somebody else's."""
    reading = read_action(subject.approval.action)
    with transaction(subject.engine) as session:
        require_step(session, subject.step)
        owned = start_unmade_rollback(session, subject.execution_id, worker=runner)
        if owned is None:
            return
        known = Known(subject.approval, owned, reading=reading, description=describe(reading))
        conclusion = conclude(not_made(against), known, NOTHING, dry_run=False)
        settle_as(session, known, conclusion, NOTHING, rolls_back=subject.execution_id)
