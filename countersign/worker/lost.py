"""Which runs nobody is left to finish, as far as Prefect's server can tell."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from prefect.client.schemas.objects import FlowRun, StateType, Worker

from countersign.worker.identity import Identity
from countersign.worker.orphans import owner_of

MISSED_HEARTBEATS = 3
DEFAULT_HEARTBEAT_SECONDS = 30.0
"""Of a worker that Prefect has forgotten."""
UNOWNED_SECONDS = 300.0
"""A run that is pending for this long under no warm worker's name has nobody who will begin it."""


def is_lost(
    run: FlowRun,
    workers: Mapping[str, Worker],
    *,
    up_since: datetime,
    now: datetime,
    here: Identity | None = None,
) -> bool:
    """Tell whether nobody is left to finish `run`, given Prefect's workers by name. Pure.

    `up_since` is since when the server has been able to hear them. A name is one worker's at a time, so whoever had
    that of `here` on another host (a container that was replaced) is gone, however fresh the name's heartbeats are.
    """
    owner = owner_of(run)
    if owner is not None:
        if here is not None and owner.worker == here.worker and _elsewhere(owner, here):
            return True
        worker = workers.get(owner.worker)
        heard = worker.last_heartbeat_time if worker is not None else None
        pause = (worker.heartbeat_interval_seconds if worker is not None else None) or DEFAULT_HEARTBEAT_SECONDS
        return now - max(heard or up_since, up_since) > timedelta(seconds=MISSED_HEARTBEATS * pause)
    state = run.state
    if state is None or state.type is not StateType.PENDING or run.infrastructure_pid:
        return False
    return now - max(state.timestamp, up_since) > timedelta(seconds=UNOWNED_SECONDS)


def _elsewhere(owner: Identity, here: Identity) -> bool:
    return (owner.host, owner.namespace) != (here.host, here.namespace)
