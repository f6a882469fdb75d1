"""Who is executing a flow run: one process on one host, told apart from a later process with the same pid.

The identity is written to the run (`infrastructure_pid`) before its first line runs, so that any worker that
looks at the run later can tell whether its owner still lives. A pid alone cannot: pids are reused, and a
restarted container has the same small ones. Hence the process's start time (clock ticks since boot) and the
pid namespace beside it.
"""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from countersign.processes import started_at


@dataclass(frozen=True, kw_only=True)
class Identity:
    """One process: `host`, its pid `namespace`, `pid`, start time `started` and the `worker` name."""

    host: str
    namespace: str
    pid: int
    started: str
    worker: str

    @classmethod
    def of_this_process(cls, *, worker: str) -> Self:
        """Return the identity of the calling process under the name `worker`."""
        pid = os.getpid()
        started = started_at(pid) or "0"
        return cls(host=socket.gethostname(), namespace=_namespace(), pid=pid, started=started, worker=worker)

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Read what `str()` wrote; None if the text is another kind of infrastructure's."""
        parts = (text or "").split(":", 5)
        if len(parts) != 6 or parts[0] != "warm" or not parts[3].isdigit():
            return None
        _, host, namespace, pid, started, worker = parts
        return cls(host=host, namespace=namespace, pid=int(pid), started=started, worker=worker)

    def __str__(self) -> str:
        return f"warm:{self.host}:{self.namespace}:{self.pid}:{self.started}:{self.worker}"


def is_gone(owner: Identity, *, seen_from: Identity) -> bool:
    """Whether `owner` certainly no longer runs, as far as the process `seen_from` can tell.

    In the same pid namespace the process table answers. From elsewhere only one thing is certain: a worker
    with the same name on a host of the same name replaces its predecessor (a restarted container). Anything
    else is left to reconciliation, which goes by heartbeats.
    """
    if owner.host != seen_from.host:
        return False
    if owner.namespace == seen_from.namespace:
        return started_at(owner.pid) != owner.started
    return owner.worker == seen_from.worker


def _namespace() -> str:
    return Path("/proc/self/ns/pid").readlink().name.removeprefix("pid:").strip("[]")
