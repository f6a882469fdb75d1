"""The end of a rollback that was begun and whose step has ended, so that no runner will go on with it.

That is so when the step is dead: it failed at every attempt, or its runners died at every one. (Skipped and done are
written by the runner that has the step, once the rollback has its outcome.) Nothing is sent here, because only a
runner whose step is its own sends. The target is asked about every request without an answer: what landed counts,
what did not was not made, and where nobody can tell, the outcome is unknown.
"""

from threading import Event

from countersign.actions import describe, read_action
from countersign.actions.operation import HostOperation, KubernetesOperation
from countersign.aftermath.rollback.decision import Against
from countersign.aftermath.rollback.refusal import not_made
from countersign.errors import ConfigurationError, CountersignError, StaleFence, TransientTargetError
from countersign.execution.conclusion import conclude
from countersign.execution.performance import Performance, progress_of
from countersign.execution.plan_seal import SealedJournal, stored_plan
from countersign.execution.run_state import Known
from countersign.execution.services import Services
from countersign.execution.settlement import put_on_record
from countersign.execution.target_access import OnBehalfOf, open_target
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.records.outcomes import Outcome
from countersign.records.rollbacks import AbandonedRollback, take_over_abandoned
from countersign.settings import Settings
from countersign.targets.model import Plan
from countersign.texts import text


def quiet_seconds(settings: Settings) -> float:
    """Return for how long a lease has to be over until no request sent under it is under way any more."""
    return max(settings.late_effect_seconds, settings.request_timeout_seconds)


def settle_abandoned_rollback(services: Services, found: AbandonedRollback, *, worker: str) -> Outcome | None:
    """Take the rollback over and settle it; None where somebody else has it by now.

    Raises TransientTargetError, ConfigurationError, DatabaseUnavailable: nothing is settled, and it is found again.
    """
    settings = services.settings
    with transaction(services.engine) as session:
        owned = take_over_abandoned(
            session,
            found.execution_id,
            worker=worker,
            lease_seconds=settings.lease_seconds,
            quiet_seconds=quiet_seconds(settings),
        )
        if owned is None:
            return None
        approval = get_approval(session, found.approval_id)
    plan = stored_plan(services.engine, services.seal, owned.execution_id)
    assert plan is not None, "a rollback is made with its plan"
    reading = read_action(approval.action)
    known = Known(approval, owned, reading=reading, description=describe(reading), plan=plan, taken_over=True)
    against = Against(text("rollback.step_ended", worker=found.worker))
    try:
        error = _find_out(services, known, plan) or not_made(against)
        progress = progress_of(services.engine, services.seal, owned.execution_id, plan)
        conclusion = conclude(error, known, progress, dry_run=False)
        put_on_record(services.engine, known, conclusion, progress, rolls_back=found.rolls_back)
    except StaleFence:
        return None
    return conclusion.outcome


def _find_out(services: Services, known: Known, plan: Plan) -> CountersignError | None:
    """Ask about every request without an answer; return why it cannot be told, None where it can."""
    if not progress_of(services.engine, services.seal, known.owned.execution_id, plan).uncertain:
        return None
    assert isinstance(known.reading, KubernetesOperation | HostOperation), "what has a plan is an operation"
    try:
        behalf = OnBehalfOf(known.approval, known.owned)
        with open_target(services, known.reading, behalf, planned_for=plan.system) as target:
            Performance(
                journal=SealedJournal(services.engine, services.seal, known.owned),
                owned=known.owned,
                plan=plan,
                target=target,
                attempt=1,
                lease_needed_seconds=0,
                late_effect_seconds=0,
                stop=Event(),
                at=lambda _point: None,
            ).find_out()
    except (StaleFence, ConfigurationError, TransientTargetError):
        raise
    except CountersignError as error:
        # A target that refuses to be asked tells as little as one that shows neither.
        return error
    return None
