"""The one place where flows call the synchronous domain: a thread per call, with the caller's context.

asyncio's default pool has six threads on two cores; a worker with twenty runs, each with a heartbeat, needs more,
and a heartbeat must never queue behind somebody's slow request.
"""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_work = ThreadPoolExecutor(max_workers=64, thread_name_prefix="countersign")
_heartbeats = ThreadPoolExecutor(max_workers=8, thread_name_prefix="countersign-heartbeat")


async def in_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `function` in a thread and wait for it."""
    call = partial(contextvars.copy_context().run, partial(function, *args, **kwargs))
    return await asyncio.get_running_loop().run_in_executor(_work, call)


async def in_thread_to_its_end(stop: Event, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `function` in a thread; when cancelled, set `stop`, wait until the thread has ended, then be cancelled.

    A thread cannot be interrupted: leaving it alone would let a request go out after its run was settled.
    """
    call = partial(contextvars.copy_context().run, partial(function, *args, **kwargs))
    future = asyncio.get_running_loop().run_in_executor(_work, call)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        stop.set()
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError:  # a second cancellation does not hurry the thread either
                continue
        raise


async def beat(function: Callable[[], None], *, every: float) -> None:
    """Call `function` in a thread of its own pool every `every` seconds until cancelled or until it raises."""
    while True:
        await asyncio.sleep(every)
        await asyncio.get_running_loop().run_in_executor(_heartbeats, function)
