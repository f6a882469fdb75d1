"""Start runs for what reconciliation found, one at a time for each, however many rounds find it."""

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Self, TypeVar
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterNextScheduledStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound, PrefectException
from sqlalchemy import Engine

from countersign.errors import ConfigurationError
from countersign.execution.reconciliation import ToStart
from countersign.logging import get_logger
from countersign.records.approvals import forget_asked, note_asked
from countersign.records.database.engine import transaction
from countersign.records.findings import Finding
from countersign.texts import text

logger = get_logger(__name__)
EXECUTE_APPROVAL = "execute-approval/execute-approval"
FINISH_STEPS = "finish-steps/finish-steps"
RECONCILE = "reconcile/reconcile"
LATER = "what is approved is started once it is there again, unless it is started by hand"
RUNS_PER_TRY = 5
"""A run that crashed began nothing, or left what it had begun: another one starts at once. One that crashes whatever
happens (its code cannot be imported) comes back with the next try only."""
STARTING_SECONDS = 10.0
"""For how long a part of a round starts runs."""
_PAGE, _PAGES = 200, 10
T = TypeVar("T")


async def start_runs(due: Sequence[ToStart], *, said: str) -> list[Finding]:
    """Start a run of `execute-approval` for each of `due`; a finding says so with the text `said`.

    Raises ConfigurationError without the deployment, httpx.HTTPError where Prefect's server does not answer.
    """
    if not due:
        return []
    async with get_client() as client:
        starter = await Starter.of(client, EXECUTE_APPROVAL, "approval_id", {"dry_run": False})
        return [
            await starter.start(str(each.approval_id), each.age_seconds, key=each.key, said=said, worker=each.worker)
            for each in in_time(due)
        ]


def in_time(due: Sequence[T], *, seconds: float = STARTING_SECONDS) -> Iterator[T]:
    """Go through `due` for so long: what is left is there for the next round, however slow the server is.

    In any order: those that have their run and wait for it must not keep the rest from its turn.
    """
    give_up = monotonic() + seconds
    for each in random.sample(due, len(due)):
        yield each
        if monotonic() >= give_up:
            return


def start_by_hand(
    engine: Engine, approval_id: UUID, *, dry_run: bool, by: str, key: str | None = None, hint: str = LATER
) -> UUID:
    """Start a run of `execute-approval` for `by`, and return its id; the same `key` starts one.

    That it was asked for is on record before: a run that dies with its worker before it claims the approval is made
    good, as where nobody has to start it. Raises ConfigurationError where Prefect's API or the deployment is missing,
    DatabaseUnavailable; `hint` is what to do without the API.
    """
    parameters = {"approval_id": str(approval_id), "dry_run": dry_run}
    if not dry_run:
        with transaction(engine) as session:
            note_asked(session, approval_id, by=by)
    try:
        return asyncio.run(_started(EXECUTE_APPROVAL, parameters, key=key, hint=hint))
    except ConfigurationError:
        if not dry_run:
            with transaction(engine) as session:
                forget_asked(session, approval_id)
        raise


async def start_steps(execution_id: UUID, *, key: str | None = None) -> UUID:
    """Start a run that does what is left after an execution, and return its id. Raises ConfigurationError."""
    hint = "reconciliation runs the steps once it is there again"
    return await _started(FINISH_STEPS, {"execution_id": str(execution_id)}, key=key, hint=hint)


async def start_reconciliation(*, key: str | None = None) -> UUID:
    """Start a round of reconciliation, and return its run's id. Raises ConfigurationError."""
    return await _started(RECONCILE, {}, key=key, hint="`countersign reconcile` does a round without Prefect's runs")


async def _started(name: str, parameters: Mapping[str, object], *, key: str | None, hint: str) -> UUID:
    try:
        async with get_client() as client:
            deployment = await client.read_deployment_by_name(name)
            run = await client.create_flow_run_from_deployment(
                deployment.id, parameters=dict(parameters), idempotency_key=key
            )
    except (httpx.HTTPError, PrefectException) as error:
        if isinstance(error, ObjectNotFound):
            raise ConfigurationError(
                f"The deployment {name} does not exist.",
                hint="`prefect deploy --all` in the project's folder makes it",
            ) from None
        raise ConfigurationError(
            f"Prefect's API does not start the run ({type(error).__name__}).", hint=hint
        ) from None
    return run.id


@dataclass(frozen=True)
class Starter:
    """Starts runs of one deployment, for subjects that one of its parameters names."""

    client: PrefectClient
    deployment: UUID
    parameter: str
    others: Mapping[str, object]
    """The other parameters; what the deployment has as defaults is a person's choice for runs by hand."""
    in_line: frozenset[str]
    """Subjects of which a run waits for a worker: another one would only wait behind it, and hold a slot then."""

    @classmethod
    async def of(
        cls, client: PrefectClient, name: str, parameter: str, others: Mapping[str, object] | None = None
    ) -> Self:
        """Look at the deployment `name`. Raises ConfigurationError without it, httpx.HTTPError."""
        try:
            found = await client.read_deployment_by_name(name)
        except ObjectNotFound:
            raise ConfigurationError(
                f"The deployment {name} does not exist.",
                hint="`prefect deploy --all` in the project's folder makes it",
            ) from None
        return cls(client, found.id, parameter, others or {}, await _in_line(client, found, parameter))

    async def start(self, subject: str, age_seconds: float, *, key: str, said: str, **words: str) -> Finding:
        """Start a run for `subject`, unless one waits or the try `key` has one; say so with the text `said`.

        Raises httpx.TransportError.
        """
        if subject in self.in_line:
            return Finding(subject, text("reconcile.in_line"), age_seconds)
        parameters = {**self.others, self.parameter: subject}
        try:
            run = await start_once(self.client, self.deployment, parameters, key=key)
        except (httpx.HTTPStatusError, PrefectException) as error:
            # The boundary of one finding: the server refused this one; the others are tried.
            logger.warning("run not started", subject=subject, error=type(error).__name__)
            done = text("reconcile.not_started", reason=type(error).__name__)
            return Finding(subject, done, age_seconds, failed=True)
        if run.state is not None and run.state.is_crashed():
            done = text("reconcile.keeps_crashing", run=run.id, number=RUNS_PER_TRY)
            return Finding(subject, done, age_seconds, failed=True)
        return Finding(subject, text(said, run=run.id, **words), age_seconds)


async def start_once(
    client: PrefectClient, deployment: UUID, parameters: Mapping[str, object], *, key: str
) -> FlowRun:
    """Start a run for the try `key`, or return the one that was started for it: another one only if that crashed.

    Raises httpx.HTTPError, PrefectException.
    """
    for number in range(RUNS_PER_TRY):
        run = await client.create_flow_run_from_deployment(
            deployment, parameters=dict(parameters), idempotency_key=f"{key}:{number}"
        )
        if run.state is None or not run.state.is_crashed():
            break
    return run


async def _in_line(client: PrefectClient, deployment: DeploymentResponse, parameter: str) -> frozenset[str]:
    """Return the subjects of which a run is due and waits in the deployment's queue.

    A run that an earlier version of the deployment left in another queue (of another pool) may wait there for ever.
    """
    found: set[str] = set()
    for page in range(_PAGES):
        runs = await client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
                next_scheduled_start_time=FlowRunFilterNextScheduledStartTime.model_validate(
                    {"before_": datetime.now(UTC)}
                ),
            ),
            sort=FlowRunSort.ID_DESC,
            limit=_PAGE,
            offset=page * _PAGE,
        )
        found |= {
            str(run.parameters.get(parameter))
            for run in runs
            if run.work_queue_id == deployment.work_queue_id
            and run.empirical_policy.retry_type != "in_process"  # its worker waits for it, or has died
            and not run.parameters.get("dry_run")
        }
        if len(runs) < _PAGE:
            break
    return frozenset(found)
