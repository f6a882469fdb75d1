"""Waiting for a state."""

import time
from collections.abc import Callable

# For a machine that is busy with others; nobody waits longer than something takes.
PATIENCE_SECONDS = 120.0


def until(
    condition: Callable[[], bool], what: str, *, seconds: float = PATIENCE_SECONDS, pause: float = 0.02
) -> None:
    """Wait until `condition` holds."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, f"it never came true that {what}"
        time.sleep(pause)
