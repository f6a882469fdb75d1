"""The run's log tells its story: what was claimed, checked, planned, sent and answered, and how it ended."""

from logging import Logger, LoggerAdapter
from typing import Any

from countersign.execution.bystander import UNDER_WAY
from countersign.execution.report import Report
from countersign.execution.run import Run
from countersign.execution.wording import named
from countersign.logging import get_logger
from countersign.masking import masked
from countersign.records.states import StepStatus
from countersign.records.tables import LedgerStep
from countersign.targets.model import Plan, Step
from countersign.texts import text
from countersign.texts.durations import duration
from flows.showing import RunName

logger = get_logger(__name__)
Log = Logger | LoggerAdapter[Any]


class Narration:
    """Writes to the log of the flow run, from whatever thread a phase is in."""

    def __init__(self, log: Log) -> None:
        self.run: Run | None = None
        """Set once there is one: what it knows is what is told."""
        self.name = RunName()
        self._log = log

    def at(self, point: str) -> None:
        """Tell of a point that the run passes (countersign.execution.fault_points)."""
        try:
            self._tell(point)
        except Exception:
            # The boundary: what is told must not change what is done.
            logger.warning("a point of the run is not told", point=point, exc_info=True)

    def _tell(self, point: str) -> None:
        if self.run is None:
            return
        known = self.run.known
        kind, _, key = point.partition(":")
        if kind == "claimed":
            word = "log.taken_over" if known.taken_over else "log.claimed"
            self._say(word, action=known.approval.action, requester=known.approval.requested_by)
        elif kind == "planned" and known.plan is not None:
            self._planned(known.plan)
        elif kind in ("intent", "answered") and known.plan is not None:
            title = next((step.title for step in known.plan.steps if step.key == key), key)
            self._say(f"log.{kind}", what=title)

    def checked(self) -> None:
        """Tell who signed, and what was asked of the policy."""
        if self.run is not None and self.run.known.signers:
            self._say(
                "log.checked",
                signers=", ".join(self.run.known.signers),
                count=sum(check.passed for check in self.run.known.checks),
            )

    def ended(self, report: Report) -> None:
        """Tell the outcome, or who is at it."""
        if report.outcome == UNDER_WAY:
            self._log.info("%s", masked(report.message))
            return
        took = "" if report.duration_ms is None else duration(report.duration_ms)
        outcome, key = text(f"outcome.{report.outcome}"), "log.ended" if took else "log.ended_at_once"
        self._say(key, warn=not report.success, outcome=outcome, message=report.message, took=took)
        if report.hint:
            self._say("log.hint", hint=report.hint)

    def step_ended(self, row: LedgerStep) -> None:
        """Tell how a step after the outcome ended."""
        said = (row.result or {}).get("summary") or row.reason or row.error or ""
        status = text(f"step_status.{row.status}")
        warn = row.status in (StepStatus.DEAD, StepStatus.PENDING)
        self._say("log.step", warn=warn, step=text(f"step_name.{row.name}"), status=status, said=str(said))

    def _planned(self, plan: Plan) -> None:
        self._say("log.planned", targets=named(plan.refs), count=len(plan.steps), steps=_titles(plan.steps))
        assert self.run is not None
        for finding in self.run.known.findings:
            self._say("log.finding", code=finding.code, message=finding.message)

    def _say(self, key: str, *, warn: bool = False, **values: Any) -> None:
        said = " ".join(masked(text(key, **values)).split())
        (self._log.warning if warn else self._log.info)("%s", said)


def _titles(steps: tuple[Step, ...]) -> str:
    shown = "; ".join(step.title for step in steps[:5])
    return shown if len(steps) <= 5 else f"{shown}; …"
