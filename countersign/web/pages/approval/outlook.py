"""Would it run now, and what would it send: the explanation as values for its part of the page."""

from collections.abc import Sequence
from typing import Any, Final

from countersign.execution.explanation import Answer, Explanation
from countersign.policy.checks import Question
from countersign.records.states import ApprovalStatus
from countersign.records.tables import Approval
from countersign.web.pages.approval.changes import steps_shown

NAMES: Final = {
    **{question.value: f"check.{question}" for question in Question},
    **{rule: f"rule.{rule}" for rule in ("approval", "signatures", "action", "target")},
}
"""The text that names each rule."""


def outlook_values(found: Explanation, approval: Approval) -> dict[str, Any]:
    """Return what the template shows of `found`."""
    return {
        "approval": approval,
        **answered(found.answers, approval),
        "plan": found.plan,
        "findings": found.findings,
        "sending": steps_shown(found.plan) if found.plan is not None else (),
        "taking_back": steps_shown(found.inverse) if found.inverse is not None else (),
    }


def answered(answers: Sequence[Answer], approval: Approval) -> dict[str, Any]:
    """Return what the template of the answers alone shows."""
    against = [answer for answer in answers if not answer.passed]
    return {
        "answer": _answer(against, approval),
        "against": against,
        "passed": [answer for answer in answers if answer.passed],
        "rule_names": NAMES,
    }


def _answer(against: list[Answer], approval: Approval) -> str:
    """Return in one word what comes of the answers: would_run, once_signed or would_not_run."""
    if not against:
        return "would_run"
    lacks = {answer.rule for answer in against} <= {"approval", "signatures"}
    return "once_signed" if lacks and approval.status is ApprovalStatus.PENDING else "would_not_run"
