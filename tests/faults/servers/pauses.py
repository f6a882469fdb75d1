"""Make a run of another process wait at a named point: an order in a folder, which the run finds as it passes.

An order is obeyed once, by whoever passes first; a successor goes through.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from tests.faults.waiting import until

FOLDER = "FAULTS_FOLDER"
LONGEST_SECONDS = 120.0


@dataclass(frozen=True)
class Pauses:
    """The orders in `folder`."""

    folder: Path

    def order(self, approval_id: UUID, point: str) -> None:
        """Have the run of the approval wait at `point`."""
        new = self.folder / f"{approval_id}.new"
        new.write_text(point)
        new.rename(self._ordered(approval_id))

    def wait_until_reached(self, approval_id: UUID) -> None:
        """Return when the run waits."""
        until(self._reached(approval_id).exists, "the run has come to the point")

    def release(self, approval_id: UUID) -> None:
        """Let the run go on."""
        self._go_on(approval_id).touch()

    def passing(self, approval_id: UUID) -> Callable[[str], None]:
        """Return the function that a run tells which points it passes."""

        def at(point: str) -> None:
            try:
                if self._ordered(approval_id).read_text() != point.partition(":")[0]:
                    return
                self._ordered(approval_id).rename(self._reached(approval_id))
            except FileNotFoundError:
                return
            give_up = time.monotonic() + LONGEST_SECONDS
            while not self._go_on(approval_id).exists() and time.monotonic() < give_up:
                time.sleep(0.02)

        return at

    def _ordered(self, approval_id: UUID) -> Path:
        return self.folder / f"{approval_id}.ordered"

    def _reached(self, approval_id: UUID) -> Path:
        return self.folder / f"{approval_id}.reached"

    def _go_on(self, approval_id: UUID) -> Path:
        return self.folder / f"{approval_id}.go-on"


def from_environment() -> Pauses:
    """Return the orders of the folder that this process was given."""
    return Pauses(Path(os.environ[FOLDER]))
