"""Requests to targets, each counted with how it was answered and how long that took."""

import time

from countersign.metrics.worker import TARGET_REQUESTS, TARGET_SECONDS


class Asking:
    """One request to a cluster, from now on until it is answered or known not to be."""

    def __init__(self, target: str, method: str, *, effect: bool) -> None:
        """`effect` says that it is meant to change something; what writes without is a dry run or a review."""
        self._target = target
        self._operation = "read" if method == "GET" else "change" if effect else "dry_run"
        self._began = time.monotonic()

    def answered(self, status: int) -> None:
        """Count it, with the class of the answer's HTTP status."""
        self._count(f"{status // 100}xx")

    def unanswered(self) -> None:
        """Count it as one without an answer."""
        self._count("none")

    def _count(self, status: str) -> None:
        TARGET_REQUESTS.count(target=self._target, operation=self._operation, status=status)
        TARGET_SECONDS.took(time.monotonic() - self._began, operation=self._operation)


def command_ended(host: str, seconds: float, *, exit_code: int) -> None:
    """Count a command on a host; -1 where no exit code came back."""
    status = "none" if exit_code < 0 else "exit_other" if exit_code else "exit_0"
    TARGET_REQUESTS.count(target=host, operation="command", status=status)
    TARGET_SECONDS.took(seconds, operation="command")
