"""Load a declared flow once and again only when its file has changed.

Importing the flow's file for every run is what makes other workers slow. Here a flow stays loaded until the file's
modification time or size changes; the next run then gets the new code while runs in progress keep the old. Modules
that the file imports are Python's to cache: a change there needs a restart of the worker.
"""

import threading
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import cache_from_source, find_spec
from pathlib import Path
from typing import Any

from prefect.flows import Flow, load_flow_from_entrypoint

from countersign.errors import ConfigurationError
from countersign.worker.declared import Declared

AnyFlow = Flow[..., Any]


@dataclass(frozen=True)
class _Stamp:
    modified_ns: int
    size: int


class FlowSource:
    """The flows that this process has loaded. Safe to use from several threads."""

    def __init__(self) -> None:
        self._loaded: dict[Declared, tuple[_Stamp, AnyFlow]] = {}
        # Prefect's loader changes sys.path and sys.modules while it works: one load at a time.
        self._lock = threading.Lock()

    def load(self, declared: Declared) -> AnyFlow:
        """Return the flow, fresh if its file has changed since the last call.

        Raises ConfigurationError where its module is not installed, and whatever its file raises when it is imported.
        """
        file = _file_of(declared.module)
        with self._lock:
            status = file.stat()
            stamp = _Stamp(status.st_mtime_ns, status.st_size)
            known = self._loaded.get(declared)
            if known is not None and known[0] == stamp:
                return known[1]
            # Python takes compiled code for current within the same second: two edits in one would show the first.
            # Where it cannot be removed (a read-only image), nobody edits either.
            with suppress(OSError):
                Path(cache_from_source(str(file))).unlink()
            # By its file: a module that is imported stays as it was.
            entrypoint = f"{file}:{declared.function}"
            flow: AnyFlow = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
            self._loaded[declared] = (stamp, flow)
            return flow


def _file_of(module: str) -> Path:
    try:
        spec = find_spec(module)
    except ImportError:
        spec = None
    if spec is None or spec.origin is None:
        raise ConfigurationError(f"The flow's module {module} cannot be found.", hint="is the package installed?")
    return Path(spec.origin)
