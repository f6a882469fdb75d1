"""`/v1/trends`: what executions came to in a day, a week or a month."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from countersign.execution.trends import Figures, Lengths, Trends, Window, trends
from countersign.masking import masked
from countersign.policy.roles import Permission
from countersign.records.outcomes import Outcome
from countersign.records.states import Grain, Verdict
from countersign.records.trends import Subject
from countersign.web.acting import Caller
from countersign.web.api.responses import problems

router = APIRouter(prefix="/trends", tags=["trends"])


class LengthsView(BaseModel):
    """How long something took; percentiles are right to a tenth."""

    count: int
    median_seconds: float | None
    p95_seconds: float | None


class FiguresView(BaseModel):
    """What was counted: dry runs and what was put off are not."""

    executions: int
    outcomes: Mapping[Outcome, int]
    verdicts: Mapping[Verdict, int]
    success_rate: float | None = Field(description="of those that succeeded, failed or are unknown")
    effective_rate: float | None = Field(description="of those found effective, ineffective or worse")
    automatic: int
    human: int
    rollbacks: Mapping[Outcome, int] = Field(description="by what became of taking back")
    retries: int = Field(description="attempts after the first")
    rules: Mapping[str, int] = Field(description="what was blocked, by the check or the error's code")
    to_effect: LengthsView = Field(description="from the last signature to the first effect")
    people: LengthsView = Field(description="from filing to the last signature, of what people approve")


class SlotView(FiguresView):
    """One hour or day."""

    at: datetime = Field(description="its beginning; days are those of UTC")


class TopView(BaseModel):
    """A name with what came of its executions."""

    name: str
    executions: int
    verified: int = Field(description="with a verdict that says whether they were effective")
    effective: int


class TrendsView(BaseModel):
    """A window up to now."""

    window: Window
    grain: Grain
    since: datetime
    until: datetime
    whole: FiguresView
    slots: list[SlotView] = Field(description="every hour or day, oldest first")
    top: Mapping[Subject, list[TopView]] = Field(description="the names with the most executions")


@router.get("", responses=problems())
def show(
    acting: Caller, window: Annotated[Window, Query(description="how far back it goes")] = Window.DAY
) -> TrendsView:
    """Return what executions came to, for whoever may read about all of them."""
    acting.require(Permission.READ)
    with acting.records() as session:
        return _view(trends(session, window))


def _view(found: Trends) -> TrendsView:
    return TrendsView(
        window=found.window,
        grain=found.grain,
        since=found.since,
        until=found.until,
        whole=_figures(found.whole),
        slots=[SlotView(at=at, **_figures(each).model_dump()) for at, each in found.slots],
        top={
            subject: [
                TopView(name=masked(one.name), executions=one.runs, verified=one.verified, effective=one.effective)
                for one in names
            ]
            for subject, names in found.top.items()
        },
    )


def _figures(found: Figures) -> FiguresView:
    return FiguresView(
        executions=found.executions,
        outcomes=found.outcomes,
        verdicts=found.verdicts,
        success_rate=found.success_rate,
        effective_rate=found.effective_rate,
        automatic=found.automatic,
        human=found.human,
        rollbacks=found.rollbacks,
        retries=found.retries,
        rules=found.rules,
        to_effect=_lengths(found.to_effect),
        people=_lengths(found.people),
    )


def _lengths(found: Lengths) -> LengthsView:
    return LengthsView(count=found.count, median_seconds=found.median_seconds, p95_seconds=found.p95_seconds)
