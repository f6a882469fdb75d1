"""Making a passkey: for whom it would be good."""

import pytest

from countersign.policy.roles import Role, RoleGrant
from tests.execution.conftest import Office
from tests.web.conftest import ADDRESS, house_of
from tests.web.pages.conftest import reader


@pytest.mark.parametrize(("name", "status"), [("n" * 64, 200), ("n" * 65, 422), ("é" * 33, 422)])
def test_a_name_that_would_be_cut_gets_no_passkey(office: Office, name: str, status: int) -> None:
    house = house_of(office, (RoleGrant(roles=(Role.VIEWER,), subjects=("*",)),), url=ADDRESS)
    page = reader(house, name).get("/passkeys", status=status)
    assert ("longer than 64 bytes" in page) == (status == 422)
    house.app.state.changes.close()
