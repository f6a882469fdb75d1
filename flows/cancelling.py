"""Who cancelled this run: a person, or a worker that has to leave."""

from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.runtime import flow_run

from countersign.logging import get_logger

logger = get_logger(__name__)


async def asked_for_by_a_person() -> bool:
    """Tell whether the run's own state says that it is to be cancelled.

    A worker that shuts down cancels what it cannot finish, too; that says nothing about the action. In doubt the
    answer is no: the execution is then taken over once its lease is over.
    """
    if flow_run.id is None:
        return False
    try:
        async with get_client() as client:
            found = await client.read_flow_run(UUID(str(flow_run.id)))
    except Exception:
        logger.warning("the run's state cannot be read; whoever takes over goes on", exc_info=True)
        return False
    return found.state is not None and found.state.type in (StateType.CANCELLING, StateType.CANCELLED)
