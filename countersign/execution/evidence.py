"""What a run read: kubectl's output, or what a host's commands answered. Secrets in it are masked with the report."""

from collections.abc import Mapping, Sequence
from typing import Any

from countersign.execution.progress import Progress
from countersign.execution.report import EvidenceReport
from countersign.targets.kubernetes.investigate import Evidence


def evidence_of(investigation: Evidence | None, progress: Progress) -> EvidenceReport | None:
    """Return the output of the investigation, or of the commands whose answers are in the journal; None without."""
    if investigation is not None:
        return EvidenceReport(
            command=" ".join(("kubectl", *investigation.argv)),
            exit_code=investigation.exit_code,
            stdout=investigation.stdout,
            stderr=investigation.stderr,
            truncated=investigation.truncated,
        )
    commands = [command for detail in progress.details.values() for command in detail.get("commands", ())]
    return _answers(commands) if commands else None


def _answers(commands: Sequence[Mapping[str, Any]]) -> EvidenceReport:
    """Put the answers one below the other, each under its command as a shell would show it."""
    return EvidenceReport(
        command="; ".join(str(one["command"]) for one in commands),
        exit_code=next((int(one["exit_code"]) for one in commands if one["exit_code"] != 0), 0),
        stdout="\n".join(f"$ {one['command']}\n{one['stdout'].rstrip()}\n" for one in commands),
        stderr="\n".join(one["stderr"].rstrip() for one in commands if one["stderr"].strip()),
        truncated=any(one["truncated"] for one in commands),
    )
