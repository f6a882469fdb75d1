"""Break-glass on its page: begun by one, confirmed by another, red on the first page, ended by hand."""

import re
from collections.abc import Iterator

import pytest

from countersign.policy.roles import Role, RoleGrant
from tests.execution.conftest import Office
from tests.execution.test_break_glass import frozen
from tests.web.conftest import ROLES, House, house_of
from tests.web.pages.conftest import reader

ASKED = {"cluster": "sandbox", "namespace": "prod", "lifts": "freeze_window", "minutes": "10", "reason": "it burns"}


@pytest.fixture
def glass(office: Office) -> Iterator[House]:
    people = RoleGrant(roles=(Role.BREAK_GLASS,), subjects=("gwen", "hugo"))
    found = house_of(frozen(office), (*ROLES, people))
    yield found
    found.app.state.changes.close()


def test_two_people_open_it_and_the_first_page_shows_it_in_red(glass: House) -> None:
    gwen, hugo, victor = (reader(glass, name) for name in ("gwen", "hugo", "victor"))
    assert victor.send("/break-glass", **ASKED).status_code == 403
    assert gwen.send("/break-glass", **ASKED).status_code == 303
    shown = hugo.get("/break-glass")
    found = re.search(r'action="([^"]+/confirm)".*?name="seen" value="([0-9a-f]{64})"', shown, re.DOTALL)
    assert found is not None
    address, seen = found.groups()
    assert address not in gwen.get("/break-glass")
    assert "A second person is wanted" in victor.get("/")
    assert gwen.send(address, seen=seen, understood="yes").status_code == 409
    assert hugo.send(address, seen=seen).status_code == 422
    assert hugo.send(address, seen="0" * 64, understood="yes").status_code == 412
    assert hugo.send(address, seen=seen, understood="yes").status_code == 303
    now = victor.get("/")
    assert "Limits are lifted: sandbox/prod: freeze_window" in now and "10 min left; gwen, hugo: it burns" in now
    assert 'class="need row bad"' in now
    over = address.replace("/confirm", "/end")
    assert victor.send(over, reason="no").status_code == 403
    assert reader(glass, "eve").send(over, reason="it is out").status_code == 303
    assert "Limits are lifted" not in victor.get("/")
    assert "by eve: it is out" in victor.get("/break-glass")
