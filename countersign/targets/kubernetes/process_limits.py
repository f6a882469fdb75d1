"""What one kubectl may use of the machine it runs on: memory, processor, files, output.

A template of a few words makes gigabytes of text. RLIMIT_DATA counts what Go really maps for writing, and not what it
reserves at start, of which RLIMIT_AS would have to allow more than a gigabyte (man 2 getrlimit, since Linux 4.7).
"""

import math
import resource
from typing import Final

MEMORY: Final = 512 * 1024 * 1024
"""Bytes. Listing 5,000 pods as JSON takes a fifth of it."""
FILE_SIZE: Final = 32 * 1024 * 1024
"""Bytes of one file: kubectl keeps what the API server can do."""
OPEN_FILES: Final = 256
OUTPUT_READ: Final = 16 * 1024 * 1024
"""Bytes that are read of each stream before the run is ended."""
ENVIRONMENT: Final = {"GOMAXPROCS": "2", "GOTRACEBACK": "none"}
"""For Go's runtime: two processors, and a sentence instead of every goroutine when memory ends."""

_OUT_OF_MEMORY: Final = ("out of memory", "cannot allocate memory")


def confine(pid: int, *, seconds: float) -> None:
    """Set the limits of the process `pid` that was just started; `seconds` of a processor's time.

    From outside, since between fork and exec of a process with threads next to nothing may be done; what kubectl does
    in the moment before needs next to nothing.
    """
    limits = {
        resource.RLIMIT_DATA: MEMORY,
        resource.RLIMIT_FSIZE: FILE_SIZE,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CPU: math.ceil(seconds) + 1,
        resource.RLIMIT_CORE: 0,
    }
    for limit, most in limits.items():
        try:
            _soft, hard = resource.prlimit(pid, limit)
            wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.prlimit(pid, limit, (wanted, wanted))
        except ProcessLookupError:
            return  # it has ended already


def ran_out_of_memory(stderr: str) -> bool:
    """Tell whether Go's runtime ended the program for want of memory (runtime/malloc.go)."""
    return "fatal error: " in stderr and any(said in stderr for said in _OUT_OF_MEMORY)
