"""How long the parts of an execution take, from the points that a run passes (countersign.execution.fault_points)."""

import time
from collections.abc import Callable

from countersign.metrics.worker import PHASE_SECONDS


class RunPhases:
    """Passes on the points of one run and notes the time between them, since the latest claim."""

    def __init__(self, at: Callable[[str], None], *, now: Callable[[], float] = time.monotonic) -> None:
        self._at, self._now = at, now
        self._passed: dict[str, float] = {}

    def __call__(self, point: str) -> None:
        """Note that a point is passed."""
        kind, _, _ = point.partition(":")
        moment = self._now()
        if kind == "claimed":
            self._passed.clear()
        first = kind not in self._passed
        if first or kind == "answered":
            self._passed[kind] = moment
        if first and kind == "planned":
            self._took("plan", "claimed", moment)
        elif first and kind == "intent":
            self._took("intend", "planned", moment)
        elif kind == "settled":
            self._settled(moment)
        self._at(point)

    def _settled(self, moment: float) -> None:
        if (effect := self._passed.get("answered")) is not None:
            self._took("effect", "intent", effect)
            self._took("claim_to_effect", "claimed", effect)
            self._took("settle", "answered", moment)
        self._took("claim_to_outcome", "claimed", moment)

    def _took(self, phase: str, since: str, until: float) -> None:
        if (began := self._passed.get(since)) is not None:
            PHASE_SECONDS.took(until - began, phase=phase)
