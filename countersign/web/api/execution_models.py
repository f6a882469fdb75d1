"""What the API says of executions, what they meant to send and what follows them."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from countersign.execution.report import Report
from countersign.records.outcomes import Outcome
from countersign.records.states import Answer, EntryKind, EvidencePhase, StepName, StepStatus, Verdict
from countersign.web.api.words import Given, Said


class ExecutionView(BaseModel):
    """One run of an approval."""

    id: UUID
    approval_id: UUID
    dry_run: bool
    rolls_back: UUID | None = Field(description="the execution that this one takes back")
    worker: str
    flow_run_id: str | None
    started_at: datetime
    settled_at: datetime | None
    outcome: Outcome | None = Field(description="null while it is under way")
    error: str | None
    plan_hash: str | None
    policy_number: int | None = Field(description="the version of the policy that it was decided by")
    policy_hash: str | None
    report: Report | None


class EntryView(BaseModel):
    """What was about to be sent, or what became of it. Secrets are masked."""

    seq: int
    at: datetime
    kind: EntryKind
    step: str
    attempt: int
    answer: Answer | None
    fence: int = Field(description="rises with every owner of the execution")
    payload: dict[str, Any]


class EvidenceView(BaseModel):
    """What the target looked like."""

    phase: EvidencePhase
    taken_at: datetime
    objects: dict[str, Any]
    verdict: Verdict | None
    verification: dict[str, Any] | None
    archived_in: list[str] = Field(description="files of the archive that hold what was seen; empty while it is here")


class StepView(BaseModel):
    """Something that follows an execution, and where it stands."""

    name: StepName
    status: StepStatus
    position: int
    after: list[StepName]
    attempts: int
    max_attempts: int
    due_at: datetime
    runner: str | None
    reason: str | None
    error: str | None
    result: dict[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class StepsStarted(BaseModel):
    """A run was started that does what is left; the steps say what came of it."""

    execution_id: UUID
    flow_run_id: UUID


class FoundOutcome(StrEnum):
    """What a person can have found out."""

    SUCCESS = "success"
    FAILED = "failed"


class Settlement(Given):
    """What was seen on the target. Who looked is whoever sends it."""

    outcome: FoundOutcome
    reason: Said
