"""What follows an execution: the steps of its ledger. Verification, playbook and case are subflows of the run, which
people start alone, too.

The ledger decides what may run. A flow that dies between two steps is followed by another one, or by reconciliation,
and the rest is done then. What happens here never changes the action's outcome.
"""

import asyncio
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any
from uuid import UUID

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.flows import Flow
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed, Running

from countersign.aftermath.step_runner import run_step
from countersign.errors import InvalidInput
from countersign.execution.follow_up import FollowUp, follow_up_of
from countersign.execution.services import Services
from countersign.logging import get_logger
from countersign.masking import masked
from countersign.records.database.engine import statements
from countersign.records.ledger import step_of, steps_ready
from countersign.records.queries import execution_to_follow
from countersign.records.rollbacks import rollback_of
from countersign.records.states import StepName, StepStatus
from countersign.records.tables import LedgerStep
from countersign.texts import text
from countersign.worker.turns import turn_of_run
from flows.queued import queued
from flows.showing import show_step
from flows.step_pages import shown_of_step
from flows.subflows import Subflow
from flows.threads import in_thread, step_in_thread, verification_in_thread
from flows.wiring import open_services, worker_name

logger = get_logger(__name__)
OTHERS_FIRST_SECONDS = 10.0
"""For so long at most, what follows an outcome waits for others' outcomes."""


def unnoticed(_row: LedgerStep) -> None:
    """Tell nobody."""


async def after_execution(
    services: Services, execution_id: UUID, *, ended: Callable[[LedgerStep], None] = unnoticed
) -> None:
    """Run every step that may begin, those that do not wait for each other side by side, then those of a rollback
    that came of it. Raises nothing but cancellation: the ledger knows what is left, and the action has its outcome.
    `ended` is told of each step.
    """
    try:
        with queued(services, execution_id):
            await turn_of_run().others_first(OTHERS_FIRST_SECONDS)
            await _steps(services, execution_id, ended)
        rollback = await in_thread(_rollback, services, execution_id)
        if rollback is not None:
            await after_execution(services, rollback, ended=ended)
    except Exception:
        # The boundary: what follows an action must not change what its run says of it.
        logger.warning("steps are left to reconciliation", execution_id=str(execution_id), exc_info=True)


async def _steps(services: Services, execution_id: UUID, ended: Callable[[LedgerStep], None]) -> None:
    before: tuple[StepName, ...] = ()
    # What is ready again without having been begun cannot be begun here.
    while (ready := await in_thread(_ready, services, execution_id)) and ready != before:
        before = ready
        for row in await asyncio.gather(*(_run(services, execution_id, name) for name in ready)):
            if row is not None:
                ended(row)


async def _run(services: Services, execution_id: UUID, name: StepName) -> LedgerStep | None:
    """Run one step and return its row, None where it could not be run."""
    subflow = Subflow(SUBFLOWS[name], {"execution_id": str(execution_id)}) if name in SUBFLOWS else None
    try:
        if subflow is None:
            return await _run_step(services, execution_id, name)
        if name is StepName.VERIFY:
            # It takes a while, which its page shows; the others are over before a page is made.
            await subflow.show(Running())
        with subflow.inside():
            row = await _run_step(services, execution_id, name)
        await subflow.show(_state(row, name))
        with subflow.inside():
            await _show(services, name, row)
    except asyncio.CancelledError:
        if subflow is not None and name is StepName.VERIFY:
            await asyncio.shield(subflow.show(Cancelled(message=text("state.ended_with_run"))))
        raise
    except Exception:
        # The boundary: the others are run all the same.
        logger.warning("step is left to reconciliation", step=name.value, exc_info=True)
        return None
    return row


async def _show(services: Services, name: StepName, row: LedgerStep | None) -> None:
    get_run_logger().info("%s", masked(_state(row, name).message or name.value))
    if row is not None:
        await show_step(name, row.execution_id, await in_thread(shown_of_step, services, row))


@flow(name="verify-execution", flow_run_name="verify {execution_id}", persist_result=False)
async def verify_execution(execution_id: str) -> Any:
    """Find out whether an executed action had the effect that it was meant to have.

    Args:
        execution_id: The execution, or its approval.

    Runs the step if it is open, and shows its verdict if it is done.
    """
    return await _alone(execution_id, StepName.VERIFY)


@flow(name="extract-playbook", flow_run_name="extract playbook {execution_id}", persist_result=False)
async def extract_playbook(execution_id: str) -> Any:
    """Make a successful action a playbook, or count it for the one that it is.

    Args:
        execution_id: The execution, or its approval.
    """
    return await _alone(execution_id, StepName.EXTRACT_PLAYBOOK)


@flow(name="deposit-knowledge", flow_run_name="deposit knowledge {execution_id}", persist_result=False)
async def deposit_knowledge(execution_id: str) -> Any:
    """Keep what happened as a case that can be searched for.

    Args:
        execution_id: The execution, or its approval.
    """
    return await _alone(execution_id, StepName.DEPOSIT_KNOWLEDGE)


async def _alone(given: str, name: StepName) -> State[Any]:
    services = await open_services()
    execution_id = await in_thread(execution_named, services, given)
    row = await _run_step(services, execution_id, name)
    if row is not None:
        await show_step(name, execution_id, await in_thread(shown_of_step, services, row))
    return _state(row, name)


SUBFLOWS: Mapping[StepName, Flow[..., Any]] = {
    StepName.VERIFY: verify_execution,
    StepName.EXTRACT_PLAYBOOK: extract_playbook,
    StepName.DEPOSIT_KNOWLEDGE: deposit_knowledge,
}
"""Steps with a page, a log and an artifact of their own; the others are told by the run's log."""


async def _run_step(services: Services, execution_id: UUID, name: StepName) -> LedgerStep | None:
    stop = Event()
    in_its_thread = verification_in_thread if name is StepName.VERIFY else step_in_thread
    rows: list[LedgerStep] = []
    await in_its_thread(stop, run_step, services, execution_id, name, runner=_runner(), stop=stop, ended=rows.append)
    return rows[0] if rows else await in_thread(_row, services, execution_id, name)


def _state(row: LedgerStep | None, name: StepName) -> State[Any]:
    """Return the state that tells in Prefect's pages where the step stands."""
    if row is None:
        return Completed(name="Nothing to do", message=f"the execution has no step {name}")
    match row.status:
        case StepStatus.DONE if name is StepName.VERIFY and (row.result or {}).get("verdict"):
            verdict = str((row.result or {})["verdict"])
            return Completed(name=text(f"verdict.{verdict}").capitalize(), message=_summary(row), data=row.result)
        case StepStatus.DONE:
            return Completed(message=_summary(row), data=row.result)
        case StepStatus.SKIPPED:
            return Completed(name="Skipped", message=row.reason)
        case StepStatus.RUNNING:
            return Completed(name="Running elsewhere", message=f"{row.runner} is at it")
        case StepStatus.PENDING | StepStatus.DEAD:
            name_of = "Dead letter" if row.status is StepStatus.DEAD else "Tried again later"
            return Failed(name=name_of, message=row.error or "it waits for other steps")


def _summary(row: LedgerStep) -> str:
    return str((row.result or {}).get("summary") or "done")


def _ready(services: Services, execution_id: UUID) -> tuple[StepName, ...]:
    with statements(services.engine) as session:
        return steps_ready(session, execution_id)


def _rollback(services: Services, execution_id: UUID) -> UUID | None:
    with statements(services.engine) as session:
        found = rollback_of(session, execution_id)
    return None if found is None else found.id


def what_followed(services: Services, execution_id: UUID) -> FollowUp:
    """Return what has followed the execution so far, for its page."""
    with statements(services.engine) as session:
        return follow_up_of(session, execution_id)


def _row(services: Services, execution_id: UUID, name: StepName) -> LedgerStep | None:
    with statements(services.engine) as session:
        return step_of(session, execution_id, name)


def execution_named(services: Services, given: str) -> UUID:
    """Return the execution that a person named: itself, or its approval. Raises InvalidInput, NotFound."""
    try:
        identifier = UUID(given)
    except ValueError:
        raise InvalidInput(
            f"execution_id {given!r} is not an identifier.", hint="`countersign approvals list` shows them"
        ) from None
    with statements(services.engine) as session:
        return execution_to_follow(session, identifier)


def _runner() -> str:
    return f"{worker_name()} {flow_run.id or ''}".strip()
