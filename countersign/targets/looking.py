"""Looking again and again at a target that tells nothing by itself."""

from types import TracebackType
from typing import Protocol, Self

from countersign.targets.model import Plan, Snapshot


class _Observed(Protocol):
    def observe(self, plan: Plan) -> Snapshot: ...


class Polled:
    """Looking at a target that tells nothing by itself."""

    is_told = False

    def __init__(self, target: _Observed, plan: Plan) -> None:
        self._target = target
        self._plan = plan

    def look(self) -> Snapshot:
        """Return the objects as they are now."""
        return self._target.observe(self._plan)

    def news(self) -> bool:
        """Return False: nobody tells."""
        return False

    def complete(self, seen: Snapshot) -> Snapshot:
        """Return the snapshot, which has everything."""
        return seen

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return
