"""What the API says of incidents, and what it accepts of people about them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path
from pydantic import BaseModel, Field

from countersign.aftermath.finalisation import Finalising
from countersign.aftermath.incidents.alerts import Became
from countersign.records.states import IncidentStatus, RepairStatus
from countersign.web.api.approval_models import EventView
from countersign.web.api.words import Given, Text

IncidentName = Annotated[str, Path(pattern=r"^[^\s/\x00-\x1f\x7f]{1,200}$", description="for example INC-2026-0042")]


class IncidentView(BaseModel):
    """What an action is meant to fix."""

    id: str
    group_key: str | None = Field(description="of the group of alerts that opened it; null where somebody named it")
    title: str
    status: IncidentStatus
    alert_category: str
    affected_services: list[str]
    signals: dict[str, Any] = Field(description="labels that its alerts have in common")
    alerts: dict[str, Any] = Field(description="by fingerprint")
    unlisted_alerts: int
    execution_success: bool | None
    effectiveness_score: int | None
    learning_notes: str | None
    closing_note: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    reopened_at: datetime | None
    resolved_at: datetime | None


class RepairView(BaseModel):
    """A repair that nobody was asked about."""

    execution_id: UUID
    incident_id: str | None
    playbook: str
    trigger: str
    step: str
    status: RepairStatus
    reason: str | None
    created_at: datetime
    due_at: datetime = Field(description="when reconciliation looks for the incident next")
    ended_at: datetime | None


class RelatedView(BaseModel):
    """A case that may be about the same."""

    id: UUID
    title: str


class WholeIncidentView(IncidentView):
    """An incident with its timeline, its repairs and related cases."""

    timeline: list[EventView]
    repairs: list[RepairView]
    related: list[RelatedView]


class Stand(StrEnum):
    """Where an unresolved incident can stand."""

    OPEN = "open"
    INVESTIGATING = "investigating"
    MITIGATING = "mitigating"


class Move(Given):
    """Where it stands now."""

    status: Stand


class Resolution(Given):
    """Why it counts as resolved."""

    note: Text = ""


class Link(Given):
    """The auto-approved approval that ran before the incident existed."""

    approval_id: UUID


class Linked(BaseModel):
    """What became of it."""

    approval_id: UUID
    result: Finalising
    summary: str


class ReceivedView(BaseModel):
    """What alerts made of their incident."""

    incident: str | None
    became: Became
