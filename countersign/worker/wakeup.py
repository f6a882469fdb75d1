"""Hear from the server at once that there is work, or that a run is to be cancelled.

Prefect's server publishes every state change on a websocket. Listening costs nothing while nothing happens, and
a run starts as soon as it is scheduled. A worker that cannot listen (a proxy without websockets, a server that
restarts) still works: its poll finds the same runs, later.
"""

import asyncio
from collections.abc import Callable
from logging import Logger, LoggerAdapter
from typing import Any
from uuid import UUID

from prefect.events import Event
from prefect.events.clients import get_events_subscriber
from prefect.events.filters import EventAnyResourceFilter, EventFilter, EventNameFilter

# The states in which a run waits for a worker, and the two in which somebody wants it to stop.
EVENTS = [
    f"prefect.flow-run.{state}"
    for state in ("Scheduled", "AwaitingRetry", "Resuming", "Late", "Cancelling", "Suspended")
]
RECONNECT_SECONDS = 2.0


class Wakeup:
    """Calls `on_work()` when a run is scheduled in the pool, `on_cancel(run id)` when one is to end.

    `on_suspend(run id)` when one is to stop at its next task, to be resumed later.
    """

    def __init__(
        self,
        *,
        pool_id: UUID,
        on_work: Callable[[], None],
        on_cancel: Callable[[UUID], None],
        on_suspend: Callable[[UUID], None],
        logger: "Logger | LoggerAdapter[Any]",
    ) -> None:
        self._filter = EventFilter(
            event=EventNameFilter(name=EVENTS),
            any_resource=EventAnyResourceFilter(id=[f"prefect.work-pool.{pool_id}"]),
        )
        self._on_work = on_work
        self._on_cancel = on_cancel
        self._on_suspend = on_suspend
        self._logger = logger
        self.connected = False

    async def listen(self) -> None:
        """Listen until cancelled, connecting again whenever the connection is lost."""
        while True:
            try:
                async with get_events_subscriber(filter=self._filter, reconnection_attempts=0) as events:
                    self.connected = True
                    self._on_work()
                    async for event in events:
                        self._dispatch(event)
            except Exception as error:  # noqa: BLE001 - any failure of the connection means polling for a while
                if self.connected:
                    self._logger.warning("The event stream was lost (%s); polling until it is back.", error)
            self.connected = False
            await asyncio.sleep(RECONNECT_SECONDS)

    def _dispatch(self, event: Event) -> None:
        flow_run_id = UUID(event.resource.id.removeprefix("prefect.flow-run."))
        match event.event:
            case "prefect.flow-run.Cancelling":
                self._on_cancel(flow_run_id)
            case "prefect.flow-run.Suspended":
                self._on_suspend(flow_run_id)
            case _:
                self._on_work()
