"""The one place where flows call the synchronous domain: a thread per call, with the caller's context.

asyncio's default pool has six threads on two cores; a worker with twenty runs, each with a heartbeat, needs more,
and a heartbeat must never queue behind somebody's slow request.
"""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from threading import Event
from typing import ParamSpec, TypeVar

from countersign.settings import settings

P = ParamSpec("P")
T = TypeVar("T")

_work = ThreadPoolExecutor(max_workers=64, thread_name_prefix="countersign")
_verifications = ThreadPoolExecutor(max_workers=128, thread_name_prefix="countersign-verification")
_heartbeats = ThreadPoolExecutor(max_workers=8, thread_name_prefix="countersign-heartbeat")


async def in_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `function` in a thread and wait for it."""
    call = partial(contextvars.copy_context().run, partial(function, *args, **kwargs))
    return await asyncio.get_running_loop().run_in_executor(_work, call)


@lru_cache(maxsize=1)
def _steps() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(settings().steps_at_once, thread_name_prefix="countersign-step")


async def step_in_thread(stop: Event, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Do what `in_thread_to_its_end` does in a pool of its own: what follows actions must not hold up others."""
    return await _to_its_end(_steps(), stop, partial(function, *args, **kwargs))


async def verification_in_thread(stop: Event, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Do what `step_in_thread` does for a step that mostly waits, and must not keep others from being begun."""
    return await _to_its_end(_verifications, stop, partial(function, *args, **kwargs))


async def in_thread_to_its_end(stop: Event, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `function` in a thread; when cancelled, set `stop`, wait until the thread has ended, then be cancelled.

    A thread cannot be interrupted: leaving it alone would let a request go out after its run was settled.
    """
    return await _to_its_end(_work, stop, partial(function, *args, **kwargs))


async def _to_its_end(pool: ThreadPoolExecutor, stop: Event, function: Callable[[], T]) -> T:
    future = asyncio.get_running_loop().run_in_executor(pool, partial(contextvars.copy_context().run, function))
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
