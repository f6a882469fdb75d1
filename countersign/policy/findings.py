"""What preflight saw, and whether the policy lets it stop the action."""

from collections.abc import Sequence
from typing import Protocol

from countersign.policy.checks import Check, Question
from countersign.policy.document import Policy
from countersign.policy.operations import matches_any


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
    if matches_any(finding.code, policy.blocking_findings):
        blocks, why = True, " (the policy's blocking_findings)"
    elif finding.severity == "blocking":
        blocks = not matches_any(finding.code, policy.accepted_findings)
        why = "" if blocks else " (accepted by the policy)"
    else:
        blocks, why = False, ""
    return Check(
        Question.PREFLIGHT,
        not blocks,
        f"{finding.code}: {finding.message.rstrip('.')}{why}",
        f"mend this first, or list {finding.code} in accepted_findings" if blocks and not why else None,
    )
