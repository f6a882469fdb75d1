"""The queue: filters are links, a page costs the same however far back, and a short id leads to its approval."""

import re

import pytest

from countersign.policy.roles import Role, RoleGrant
from tests.execution.conftest import Office
from tests.web.conftest import House, house_of
from tests.web.pages.conftest import reader
from tests.web.scene import filed

RESTART = "kubectl rollout restart deployment/{} -n prod"


def titles(page: str) -> list[str]:
    return re.findall(r'<a href="/approvals/[0-9a-f-]{36}">([^<]+)</a>', page)


def test_newest_first_with_what_each_asks_for(house: House) -> None:
    for name in ("api", "web"):
        filed(house.office, RESTART.format(name))
    page = reader(house, "victor").get("/approvals")
    assert titles(page) == ["Restart deployment prod/web", "Restart deployment prod/api"]


def test_filters_are_links_and_can_be_combined(house: House) -> None:
    filed(house.office, RESTART.format("api"))
    filed(house.office, RESTART.format("worker"), by="dora")
    house.office.approved(RESTART.format("web"))
    victor = reader(house, "victor")
    pending = victor.get("/approvals?status=pending")
    assert titles(pending) == ["Restart deployment prod/worker", "Restart deployment prod/api"]
    assert 'href="/approvals?status=approved"' in pending
    assert 'href="/approvals?status=pending&amp;by=victor"' in pending
    assert titles(victor.get("/approvals?status=pending&by=Dora")) == ["Restart deployment prod/worker"]
    assert "No approval is like this." in victor.get("/approvals?outcome=unknown")


@pytest.mark.parametrize("query", ["status=nonsense", "outcome=x", "verdict=x", "before=yesterday"])
def test_a_value_that_is_none_is_refused_with_its_field(house: House, query: str) -> None:
    assert query.partition("=")[0] in reader(house, "victor").get(f"/approvals?{query}", status=422)


def test_pages_follow_each_other_without_gap(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("countersign.web.pages.queue.ON_A_PAGE", 2)
    names = [f"d{number}" for number in range(5)]
    for name in names:
        filed(house.office, RESTART.format(name))
    victor, path, seen = reader(house, "victor"), "/approvals?status=pending", []
    while path:
        page = victor.get(path)
        seen += titles(page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        path = found[1].replace("&amp;", "&") if found else ""
    assert seen == [f"Restart deployment prod/{name}" for name in reversed(names)]


def test_the_end_of_an_id_leads_to_its_approval(house: House) -> None:
    approval = filed(house.office, RESTART.format("api"))
    answer = reader(house, "victor").browser.client.get(
        f"/approvals?id= {approval.hex[-8:].upper()} ", follow_redirects=False
    )
    assert (answer.status_code, answer.headers["location"]) == (303, f"/approvals/{approval}")


def test_what_the_roles_of_a_reader_do_not_reach_is_not_shown(office: Office) -> None:
    grant = RoleGrant(roles=(Role.VIEWER,), subjects=("dave",), namespaces=("staging",))
    found = house_of(office, (grant,))
    hidden = filed(found.office, RESTART.format("api"))
    filed(found.office, "kubectl rollout restart deployment/web -n staging")
    dave = reader(found, "dave")
    assert titles(dave.get("/approvals")) == ["Restart deployment staging/web"]
    assert "prod" not in dave.get("/")
    assert "no approval is called" in dave.get(f"/approvals/{hidden}", status=404)
