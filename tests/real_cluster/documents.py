"""The commands of a page of docs/, as somebody copies them into a shell."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

DOCS = Path(__file__).parent.parent.parent / "docs"


def block(page: str, having: str) -> str:
    """Return the one block of commands of a page that has this text in it."""
    blocks = (DOCS / page).read_text().split("```\n")[1::2]
    (found,) = [each for each in blocks if having in each]
    return found


def typed(commands: str, environment: Mapping[str, str]) -> str:
    """Run the commands in a shell that stops at the first that fails; return what they printed."""
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        env=dict(environment),
        text=True,
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, f"{commands}{ended.stdout}{ended.stderr}"
    return ended.stdout + ended.stderr


def shell(environment: Mapping[str, str], administrator: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a shell that has both programs, and the administrator's kubeconfig for kubectl."""
    path = f"{administrator['PATH']}{os.pathsep}{environment['PATH']}"
    return {**environment, "KUBECONFIG": administrator["KUBECONFIG"], "PATH": path}
