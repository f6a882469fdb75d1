"""Whether somebody may do something: a pure answer from the policy's grants, with the grant that decided."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from countersign.policy.document import Policy
from countersign.policy.names import spelled
from countersign.policy.operations import matches_any
from countersign.policy.risk import RiskLevel
from countersign.policy.roles import PERMISSIONS, Permission, Role, RoleGrant

HOSTS = "hosts"
"""What grants call the place of actions on hosts."""


class Kind(StrEnum):
    """What somebody is."""

    PERSON = "person"
    MACHINE = "machine"


@dataclass(frozen=True)
class Identity:
    """Somebody who has shown who they are. Requester, signer and actor are this, never a field of a request."""

    name: str
    kind: Kind = Kind.PERSON
    groups: frozenset[str] = frozenset()
    """As the identity provider says."""
    limited_to: frozenset[Role] | None = None
    """The roles that a token may use of its owner's; None is all of them."""

    @property
    def key(self) -> str:
        """The form in which two spellings of one name are equal; a look-alike is another one."""
        return spelled(self.name)

    def is_named(self, name: str) -> bool:
        """Tell whether `name` is this one's, and no look-alike's."""
        return spelled(name) == self.key


@dataclass(frozen=True)
class Scope:
    """What a request is about; None where it is about no certain one."""

    cluster: str | None = None
    namespace: str | None = None
    operation: str | None = None
    risk: RiskLevel | None = None


EVERYTHING = Scope()
"""What is about no approval: a grant that is limited to some clusters, namespaces or operations does not hold."""


@dataclass(frozen=True)
class Answer:
    """May they? If not, `reason` says why and what would help."""

    allowed: bool
    reason: str = ""
    roles: tuple[Role, ...] = field(default=())
    """Those that give it."""


def may(policy: Policy, who: Identity, permission: Permission, scope: Scope | None = None) -> Answer:
    """Tell whether `who` may do this about `scope`; about anything at all where it is None."""
    granted = {role for role, grant in _held(policy, who) if scope is None or _holds(grant, scope)}
    giving = tuple(role for role in Role if role in granted and permission in PERMISSIONS[role])
    if giving:
        return Answer(True, roles=giving)
    wanted = " or ".join(role for role in Role if permission in PERMISSIONS[role])
    anywhere = any(permission in PERMISSIONS[role] for role, _ in _held(policy, who))
    where = " here" if anywhere else ""
    limited = "; the token is limited to other roles" if who.limited_to is not None else ""
    return Answer(False, f"{who.name} has no role {wanted}{where} in the policy{limited}")


def roles_of(policy: Policy, who: Identity) -> tuple[Role, ...]:
    """Return the roles that somebody holds anywhere, in their order."""
    held = {role for role, _ in _held(policy, who)}
    return tuple(role for role in Role if role in held)


def _held(policy: Policy, who: Identity) -> Iterator[tuple[Role, RoleGrant]]:
    for grant in policy.roles:
        if _names(grant, who):
            for role in grant.roles:
                if who.limited_to is None or role in who.limited_to:
                    yield role, grant


def _names(grant: RoleGrant, who: Identity) -> bool:
    if any(fnmatchcase(who.key, spelled(subject)) for subject in grant.subjects):
        return True
    # Groups are the provider's words: they are compared as they are, in no form in which two could meet.
    return any(fnmatchcase(group, pattern) for group in who.groups for pattern in grant.groups)


def _holds(grant: RoleGrant, scope: Scope) -> bool:
    fits = (
        _fits(scope.cluster, grant.clusters)
        and _fits(scope.namespace, grant.namespaces)
        and _fits(scope.operation, grant.operations)
    )
    return fits and grant.up_to.covers(scope.risk or RiskLevel.CRITICAL)


def _fits(value: str | None, patterns: tuple[str, ...]) -> bool:
    return matches_any(value, patterns) if value is not None else "*" in patterns
