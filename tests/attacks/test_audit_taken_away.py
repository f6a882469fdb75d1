"""Holds the database's owner: takes the audit away, so that what is done leaves no trace."""

from collections.abc import Iterator

import pytest
from sqlalchemy.exc import SQLAlchemyError

from countersign.errors import CountersignError
from tests.attacks.conftest import Office, Sql, audited
from tests.attacks.test_foreign_plan import FOREIGN, SIGNED, planned, plant

FUNCTION = "audit_append(text, text, text, text, jsonb)"


@pytest.fixture
def without_rows(as_owner: Sql) -> Iterator[None]:
    """An audit that takes no rows from the role that runs."""
    as_owner(f"REVOKE EXECUTE ON FUNCTION {FUNCTION} FROM countersign")
    yield
    as_owner(f"GRANT EXECUTE ON FUNCTION {FUNCTION} TO countersign")


def test_what_cannot_be_told_of_is_not_done(office: Office, request: pytest.FixtureRequest) -> None:
    approval = office.approved(SIGNED)
    request.getfixturevalue("without_rows")
    office.cluster.log.clear()
    with pytest.raises((CountersignError, SQLAlchemyError)):
        office.run(approval)
    assert not office.cluster.log.mutations()


def test_a_refusal_stands_where_its_row_cannot_be_written(office: Office, as_owner: Sql) -> None:
    """Only rows of attempts are refused, so that everything else goes on."""
    _, source = planned(office, FOREIGN)
    as_owner("UPDATE target_hold SET released_at = now() WHERE released_at IS NULL")
    approval = office.approved(SIGNED, risk="low")
    plant(as_owner, approval, copied_from=source, seal="plan_mac")
    as_owner("ALTER TABLE audit_event ADD CONSTRAINT silent CHECK (event NOT LIKE 'tampering:%') NOT VALID")
    office.cluster.log.clear()
    report = office.run(approval)
    assert report.outcome == "blocked"
    assert "is not one that Countersign made for it" in report.message
    assert "tampering:plan:refused" not in audited(office, approval)
    assert not office.cluster.log.mutations()
