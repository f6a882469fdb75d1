"""What preflight saw, and whether the policy lets it stop the action."""

from collections.abc import Sequence
from typing import Protocol

from countersign.policy.checks import Check, Question
from countersign.policy.document import Policy
from countersign.policy.operations import matches_any
from countersign.texts import text


class FindingFacts(Protocol):
    """What preflight saw, as a target reports it."""

    @property
    def severity(self) -> str:
        """info, warning or blocking."""

    @property
    def code(self) -> str:
        """A stable name, e.g. pdb_no_headroom."""

    @property
    def message(self) -> str:
        """A sentence."""


def decide_findings(policy: Policy, findings: Sequence[FindingFacts]) -> tuple[Check, ...]:
    """Decide for each thing that preflight saw whether it stops the action."""
    return tuple(_finding(policy, finding) for finding in findings)


def _finding(policy: Policy, finding: FindingFacts) -> Check:
    said, hint = "finding", None
    if matches_any(finding.code, policy.blocking_findings):
        blocks, said = True, "finding_listed"
    elif finding.severity != "blocking":
        blocks = False
    elif matches_any(finding.code, policy.accepted_findings):
        blocks, said = False, "finding_accepted"
    else:
        blocks, hint = True, text("policy_check.finding_hint", code=finding.code)
    message = finding.message.rstrip(".。")
    return Check(
        Question.PREFLIGHT, not blocks, text(f"policy_check.{said}", code=finding.code, message=message), hint
    )
