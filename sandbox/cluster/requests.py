"""The log of every request that the API server got: what was asked, and whether it changed anything."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass
class RecordedRequest:
    """One request and what came of it."""

    number: int
    """Counts from 1."""
    at: float
    """Seconds since the epoch."""
    method: str
    path: str
    query: dict[str, str]
    body: Any
    """The JSON that was sent, or its text; None without one. Tokens are not kept."""
    content_type: str
    user_agent: str
    field_manager: str
    dry_run: bool
    mutated: bool = False
    """True if stored state is another than before."""
    code: int | None = None
    """HTTP status of the answer; None while there is none."""
    fault: str | None = None
    """The effect of the fault that the request met."""
    reply_lost: bool = False
    """True if the connection was cut instead of an answer."""

    def to_json(self) -> dict[str, Any]:
        """Return the request as JSON values; keyword arguments of this class."""
        return asdict(self)

    @property
    def no_op(self) -> bool:
        """True for a write that was accepted and changed nothing."""
        accepted = self.code is not None and self.code < 400
        return self.method not in ("GET", "HEAD") and accepted and not self.mutated and not self.dry_run


class RequestLog(list[RecordedRequest]):
    """The requests in the order in which they came."""

    def __getitem__(self, at: Any, /) -> Any:
        """Return one request, or a slice, which is a log too."""
        found = super().__getitem__(at)
        return RequestLog(found) if isinstance(at, slice) else found

    def mutations(self) -> "RequestLog":
        """Return those that changed stored state."""
        return RequestLog(request for request in self if request.mutated)

    def writes(self) -> "RequestLog":
        """Return those that meant to change stored state: no reads, no dry runs, no questions about permissions."""
        return RequestLog(
            request
            for request in self
            if request.method not in ("GET", "HEAD") and not request.dry_run and "reviews" not in request.path
        )

    def to(self, path_part: str, method: str | None = None) -> "RequestLog":
        """Return those whose path contains `path_part`, of one method or of all."""
        return RequestLog(
            request for request in self if path_part in request.path and method in (None, request.method)
        )


def from_json(items: Iterable[dict[str, Any]]) -> RequestLog:
    """Read what `RecordedRequest.to_json` wrote."""
    return RequestLog(RecordedRequest(**item) for item in items)


def keep_mutation(file: Path, request: RecordedRequest) -> None:
    """Append a request that changed something to `file`, flushed: it survives the process, not the machine."""
    with file.open("a") as opened:
        opened.write(json.dumps(request.to_json()) + "\n")


def kept_mutations(file: Path) -> RequestLog:
    """Read what `keep_mutation` wrote, of every process that had the file."""
    return from_json(json.loads(line) for line in file.read_text().splitlines()) if file.exists() else RequestLog()
