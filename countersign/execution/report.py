"""What an execution reports: the same values for the caller, the record and the artifact."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from countersign.errors import CountersignError

SUCCESSFUL = frozenset({"success", "no_action", "investigated", "dry_run"})


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class CheckReport(_Part):
    """One check before the effect."""

    name: str
    passed: bool
    reason: str


class FindingReport(_Part):
    """Something preflight saw."""

    severity: str
    code: str
    message: str


class StepReport(_Part):
    """One request to the target and what became of it."""

    key: str
    title: str
    result: str
    """"landed", "not_landed", "cannot_tell", "planned" (dry run) or "not_sent"."""
    attempts: int = 0


class EvidenceReport(_Part):
    """The output of an investigation."""

    command: str
    exit_code: int
    stdout: str
    stderr: str
    truncated: bool


class FoundOut(_Part):
    """What a person found out about an outcome that was unknown."""

    by: str
    reason: str
    at: datetime
    before: str
    """What the report said until then."""


class Report(_Part):
    """The truth about one run of an approval. `success` is the boolean that a caller may rely on."""

    approval_id: str
    action: str
    outcome: str
    success: bool
    message: str
    hint: str | None = None
    code: str | None = None
    """The error's stable name (countersign.errors) where there was one."""
    dry_run: bool = False
    performed_by_this_run: bool = True
    """False where this run found the approval executed and shows the first run's result."""
    execution_id: str | None = None
    rolls_back: str | None = None
    """The execution that this one takes back; None for one that was approved."""
    operation: Mapping[str, Any] = Field(default_factory=dict)
    """What the text was read as (countersign.actions.describe)."""
    targets: tuple[str, ...] = ()
    requested_names: tuple[str, ...] = ()
    """The names as the action wrote them, where the resolver found others."""
    plan_hash: str | None = None
    policy_number: int | None = None
    """The version of the policy that it was decided by; None where the policy was a mounted file."""
    policy_hash: str | None = None
    signers: tuple[str, ...] = ()
    checks: tuple[CheckReport, ...] = ()
    break_glass: tuple[str, ...] = ()
    """A sentence for each limit that two people had lifted for it."""
    findings: tuple[FindingReport, ...] = ()
    steps: tuple[StepReport, ...] = ()
    evidence: EvidenceReport | None = None
    found_out: FoundOut | None = None
    """Set once a person has settled an unknown outcome."""
    attempts: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def duration_ms(self) -> int | None:
        """Milliseconds from the start to the settled outcome."""
        if self.started_at is None or self.finished_at is None:
            return None
        return round((self.finished_at - self.started_at).total_seconds() * 1000)


class ExecutionFailed(CountersignError):
    """The action was not performed successfully; `report` says why. Raised by the flow."""

    code = "execution_failed"
    report: Report | None = None
    """None where the error was read from a result that Prefect keeps; the records have the report."""

    def __init__(self, report: Report | str) -> None:
        if isinstance(report, str):  # what Prefect keeps of an error in JSON: its message
            super().__init__(report)
            return
        super().__init__(f"{report.outcome}: {report.message}", hint=report.hint)
        self.report = report

    def __reduce__(self) -> tuple[type["ExecutionFailed"], tuple[Report | str]]:
        return (type(self), (self.report or self.message,))
