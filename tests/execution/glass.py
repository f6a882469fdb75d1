"""Two people who may lift limits, and a policy that lets them."""

from typing import Any
from uuid import UUID

from countersign.execution.access import Authenticated
from countersign.execution.break_glass import begin, confirm, hash_of
from countersign.policy.access import Identity
from countersign.policy.break_glass import Wanted
from countersign.policy.break_glass_rule import BreakGlassRule, Lift
from countersign.policy.document import Policy
from countersign.policy.roles import Role, RoleGrant
from countersign.records.break_glass import find
from countersign.records.database.engine import transaction
from countersign.records.tables import BreakGlass
from tests.execution.conftest import Office

RULE = BreakGlassRule(lifts=tuple(Lift), longest_minutes=30)
GRANT = RoleGrant(roles=(Role.BREAK_GLASS,), subjects=("gwen", "hugo", "carol"))
WANTED = Wanted(cluster="sandbox", lifts=(Lift.FREEZE_WINDOW, Lift.RATE), minutes=10, namespace="prod")


def somebody(name: str, **more: Any) -> Authenticated:
    """Return somebody who has shown who they are."""
    return Authenticated(Identity(name, **more))


def letting(policy: Policy, rule: BreakGlassRule | None = RULE, grant: RoleGrant = GRANT) -> Policy:
    """Return the policy with a rule, and with grants for two people and the requester."""
    return policy.model_copy(update={"break_glass": rule, "roles": (*policy.roles, grant)})


def begun(office: Office, wanted: Wanted = WANTED, *, by: Authenticated | None = None) -> BreakGlass:
    """Begin one as gwen."""
    services = office.services
    with transaction(services.engine) as session:
        who = by or somebody("gwen")
        return begin(session, services.seal, services.policy, who, wanted, reason="the site is down")


def confirmed(office: Office, row: BreakGlass, *, by: Authenticated | None = None, seen: str = "") -> BreakGlass:
    """Confirm one as hugo."""
    services = office.services
    with transaction(services.engine) as session:
        who = by or somebody("hugo")
        return confirm(session, services.seal, services.policy, who, row.id, seen=seen or hash_of(row))


def opened(office: Office, wanted: Wanted = WANTED) -> BreakGlass:
    """Open one as gwen and hugo."""
    return confirmed(office, begun(office, wanted))


def on_record(office: Office, break_glass_id: UUID) -> BreakGlass:
    """Return one as it is now."""
    with transaction(office.services.engine) as session:
        return find(session, break_glass_id)
