"""A stack started by `countersign up` in this folder is used without further settings."""

import os
import shlex
from pathlib import Path


def use_local_stack() -> None:
    """Take variables that are not set from the environment file that a stack leaves in its state folder."""
    file = Path(os.environ.get("COUNTERSIGN_STATE_DIR", ".countersign")) / "environment"
    if not file.is_file():
        return
    for line in file.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and name not in os.environ:
            os.environ[name] = "".join(shlex.split(value))
