"""Tell one process from a later one that was given the same pid."""

from pathlib import Path


def started_at(pid: int) -> str | None:
    """Return the start time of process `pid` in clock ticks since boot (proc(5), field 22), None if it is gone.

    A zombie counts as gone: it runs no code any more.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name is in parentheses and may itself contain spaces and parentheses.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else fields[18]
