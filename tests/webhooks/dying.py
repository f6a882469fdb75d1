"""The process that dies: it delivers like a worker, and at one point gets a signal that it cannot handle."""

import os
import signal
import sys
from pathlib import Path

from countersign.execution.plan_seal import read_seal
from countersign.records.database.engine import connect
from countersign.settings import Settings
from countersign.webhooks.delivering import Delivering


def main(database_url: str, trust_dir: str, point: str, times: int) -> None:
    """Deliver until `point` has been passed so many times, and die there."""
    left = times

    def at(passed: str) -> None:
        nonlocal left
        if passed == point:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    engine = connect(database_url, timeout=5)
    delivering = Delivering(engine, read_seal(Path(trust_dir)), Settings(webhook_retry_seconds=0.01), at=at)
    while True:
        delivering.look()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
