"""Holds the database's owner, and the key of the seals: puts the plan of another host action beside a signed one."""

from uuid import UUID

import pytest

from countersign.records.database.engine import transaction
from countersign.records.queries import execution_of, get_execution
from sandbox.demo.household import ADMINISTRATOR
from tests.attacks.conftest import Sql, audited
from tests.attacks.test_foreign_plan import plant
from tests.execution.test_on_a_host import RESTART, HostOffice, Killed, host, there

__all__ = ["host", "there"]
FOREIGN = (
    "ssh web-1 'docker restart web'",
    "ssh web-1 'nginx -s reload'",
    "ssh web-1 'docker image prune -f'",
)


def planned(there: HostOffice, action: str) -> UUID:
    """Let a genuine run plan, and die; return its execution."""

    def die(point: str) -> None:
        if point == "planned":
            raise Killed

    approval = there.office.approved(action, requested_by=ADMINISTRATOR)
    with pytest.raises(Killed):
        there.run(approval, at=die)
    with transaction(there.office.services.engine) as session:
        found = execution_of(session, approval)
        assert found is not None
        return found.id


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("foreign", FOREIGN)
def test_a_plan_for_something_else_is_not_performed(
    there: HostOffice, as_owner: Sql, foreign: str, *, sealed: bool
) -> None:
    source = planned(there, foreign)
    as_owner("UPDATE target_hold SET released_at = now() WHERE released_at IS NULL")
    approval = there.office.approved(RESTART, requested_by=ADMINISTRATOR)
    execution = plant(as_owner, approval, copied_from=source, seal="plan_mac")
    services = there.office.services
    if sealed:
        with transaction(services.engine) as session:
            plan_hash = str(get_execution(session, execution).plan_hash)
        as_owner(
            "UPDATE execution SET plan_mac = :mac WHERE id = :id",
            mac=services.seal.of_plan(execution, plan_hash),
            id=execution,
        )
    report = there.office.run(approval)
    assert report.outcome == "blocked", report.message
    said = "is not one of the signed action" if sealed else "is not one that Countersign made for it"
    assert said in report.message
    assert "tampering:plan:refused" in audited(there.office, approval)
    assert there.host.effects == ()
