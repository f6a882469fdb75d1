"""What runs between `start` and `stop`, or for as long as a `with` lasts."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Running(ABC):
    """Servers, and the stack of them all."""

    @abstractmethod
    def start(self) -> None:
        """Start it; return when it answers. What fails half way leaves nothing running."""

    @abstractmethod
    def stop(self) -> None:
        """Stop it. Harmless where it does not run, or is not ours to stop."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
