"""What a command on a host answered."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Output:
    """What a command answered."""

    exit_code: int
    stdout: str
    stderr: str
    truncated: bool
    """True when either stream was longer than the fleet's `output_limit`."""
    duration_ms: int
