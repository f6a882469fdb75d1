"""Who may do what through the API and the pages: roles as data of the policy, so that administrators sign them.

A role gives permissions. A grant gives roles to people, groups or machines, and may be limited to clusters,
namespaces, operations and a highest risk. Nothing is granted by default.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from countersign.policy.operations import ALL, OperationPatterns
from countersign.policy.problem import problem
from countersign.policy.risk import RiskLevel

Patterns = tuple[Annotated[str, Field(min_length=1, max_length=253)], ...]


class Role(StrEnum):
    """What somebody is to Countersign."""

    VIEWER = "viewer"
    REQUESTER = "requester"
    APPROVER = "approver"
    EXECUTOR = "executor"
    POLICY_ADMIN = "policy_admin"
    AUDITOR = "auditor"
    BREAK_GLASS = "break_glass"


class Permission(StrEnum):
    """One thing that the API and the pages let somebody do."""

    READ = "read"
    """See approvals, executions, incidents, playbooks, knowledge and the policy."""
    REQUEST = "request"
    """File an approval, see beforehand what it would do, withdraw one's own."""
    DECIDE = "decide"
    """Have one's signature on an approval recorded. Whether it counts is the policy's signers' to say."""
    EXECUTE = "execute"
    """Start an approved action or a dry run of it."""
    OPERATE = "operate"
    """Replay steps, reconcile, settle unknown outcomes, move incidents, stop everything."""
    GOVERN = "govern"
    """Propose, sign and activate the policy, allow actions again, give out tokens and webhooks."""
    AUDIT = "audit"
    """Read the audit and take proofs of it."""
    BREAK_GLASS = "break_glass"
    """Be one of the two people who lift limits for some minutes."""


PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.READ}),
    Role.REQUESTER: frozenset({Permission.READ, Permission.REQUEST}),
    Role.APPROVER: frozenset({Permission.READ, Permission.DECIDE}),
    Role.EXECUTOR: frozenset({Permission.READ, Permission.EXECUTE, Permission.OPERATE}),
    Role.POLICY_ADMIN: frozenset({Permission.READ, Permission.GOVERN}),
    Role.AUDITOR: frozenset({Permission.READ, Permission.AUDIT}),
    Role.BREAK_GLASS: frozenset({Permission.READ, Permission.BREAK_GLASS}),
}
"""What each role may do, wherever its grant holds."""


class RoleGrant(BaseModel):
    """Roles for those who are named, where it says."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    roles: tuple[Role, ...]
    subjects: Patterns = ()
    """Names of people and machines, or patterns. Case is not told apart; letters that look alike are."""
    groups: Patterns = ()
    """Groups of the identity provider."""
    clusters: Patterns = ALL
    """Clusters of which it holds; hosts are those of the cluster named "hosts"."""
    namespaces: Patterns = ALL
    operations: OperationPatterns = ALL
    up_to: RiskLevel = RiskLevel.CRITICAL
    """The highest risk that it holds for."""

    @model_validator(mode="after")
    def _gives_something_to_somebody(self) -> Self:
        if not self.roles:
            raise problem("roles is empty", "name some of " + ", ".join(Role))
        if not self.subjects and not self.groups:
            raise problem("names neither subjects nor groups", 'for example subjects: ["alice@example.com"]')
        return self
