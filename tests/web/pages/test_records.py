"""The pages of everything that is no approval: what they show, to whom, and what their forms do."""

import re
from pathlib import Path

import pytest

from countersign.policy.roles import Role, RoleGrant
from countersign.records.database.engine import transaction
from countersign.records.incidents import get_incident
from countersign.records.ledger import steps_of
from countersign.records.playbooks import get_playbook
from countersign.records.states import IncidentStatus, PlaybookStatus, StepStatus
from tests.execution.conftest import Office
from tests.web.conftest import ROLES
from tests.web.pages.conftest import Reader, reader
from tests.web.records import Furnished, furnished

STAGING = RoleGrant(roles=(Role.VIEWER, Role.AUDITOR), subjects=("sam",), namespaces=("staging",))


@pytest.fixture
def shelf(office: Office, tmp_path: Path) -> Furnished:
    """Records of every kind."""
    return furnished(office, tmp_path, roles=(*ROLES, STAGING))


def who(shelf: Furnished, name: str) -> Reader:
    return reader(shelf.house, name)


SHOWN = {
    "/incidents": "ApiDown",
    "/incidents/{incident}": "Incident opened",
    "/playbooks": "Restart what hangs",
    "/playbooks/{playbook}": "alertname = ApiDown",
    "/knowledge": "It hung",
    "/knowledge/{entry}": "Restart it.",
    "/policy": "whoever asks cannot sign",
    "/policy/2": "What it would change",
    "/reconciliation": "past its time",
    "/trends": "50.0 %",
    "/trends?window=30d": "Outcomes",
    "/system": "sandbox",
    "/system/workers": "PREFECT_API_URL is not set",
}


@pytest.mark.parametrize("language", ["en", "zh-TW"])
def test_each_is_shown_to_whoever_may_read(shelf: Furnished, language: str) -> None:
    names = {"incident": shelf.incident, "playbook": shelf.playbook, "entry": shelf.entry}
    victor = who(shelf, "victor")
    for path, said in SHOWN.items():
        page = victor.get(path.format(**names), language=language)
        assert said in page or language != "en", path
        assert f'<html lang="{language}"' in page, path


def test_what_is_about_everything_is_not_for_a_reader_of_one_place(shelf: Furnished) -> None:
    sam = who(shelf, "sam")
    for path in ("/playbooks", "/policy", "/reconciliation", "/trends", "/system", "/incidents/{incident}"):
        assert "has no role" in sam.get(path.format(incident=shelf.incident), status=403), path


def test_what_is_elsewhere_is_left_out_of_lists(shelf: Furnished) -> None:
    sam = who(shelf, "sam")
    for path, hidden in (
        ("/incidents", "ApiDown"),
        ("/knowledge", "It hung"),
        ("/audit", "A request was filed"),
        ("/", "annotate"),
    ):
        assert hidden not in sam.get(path)


def test_the_audit_is_for_auditors_and_proofs_can_be_taken_along(shelf: Furnished) -> None:
    who(shelf, "victor").get("/audit", status=403)
    assert 'href="/audit"' not in who(shelf, "victor").get("/")
    otto = who(shelf, "otto")
    page = otto.get("/audit")
    assert "The execution got its outcome" in page
    assert "Sealed under a signed head" in page
    chain = otto.get(f"/audit/{shelf.executed}")
    assert chain.index("A request was filed") < chain.index("A request was signed")
    proof = re.search(r'href="(/v1/audit/chains/[^"]+/proof)"', chain)
    assert proof is not None
    assert otto.browser.client.get(proof[1]).json()["chain"] == str(shelf.executed)


def test_the_rows_of_the_audit_are_paged_and_filtered(shelf: Furnished, monkeypatch: pytest.MonkeyPatch) -> None:
    otto, path, seen = who(shelf, "otto"), "/audit?event=approval%3A", []
    whole = re.findall(r"<summary>([^<]+)</summary>", otto.get(path))
    monkeypatch.setattr("countersign.web.pages.audit.ON_A_PAGE", 3)
    while path:
        page = otto.get(path)
        seen += re.findall(r"<summary>([^<]+)</summary>", page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        path = found[1].replace("&amp;", "&") if found else ""
    assert seen == whole
    assert {"A request was filed", "A request was signed"} <= set(seen)
    assert "The execution got its outcome" not in seen


def test_what_was_looked_for_is_marked_and_nothing_else_is_markup(shelf: Furnished) -> None:
    page = who(shelf, "victor").get("/knowledge?q=restart")
    assert "<mark>Restart</mark>" in page
    assert "&lt;script" in who(shelf, "victor").get("/knowledge?q=%3Cscript%3E")


def test_an_incident_is_moved_and_resolved_by_whoever_may(shelf: Furnished) -> None:
    path = f"/incidents/{shelf.incident}"
    assert who(shelf, "victor").send(f"{path}/resolve", note="x").status_code == 403
    eve = who(shelf, "eve")
    assert eve.send(f"{path}/move", status="mitigating").status_code == 303
    assert eve.send(f"{path}/move", status="nonsense").status_code == 422
    assert eve.send(f"{path}/resolve", note="restarted it").status_code == 303
    with transaction(shelf.house.services.engine) as session:
        assert get_incident(session, shelf.incident).status is IncidentStatus.RESOLVED
    assert "restarted it" in eve.get(path)
    assert "Resolve</button>" not in eve.get(path)


def test_what_widens_a_playbook_is_for_administrators_and_what_narrows_it_for_executors(shelf: Furnished) -> None:
    path = f"/playbooks/{shelf.playbook}"
    eve, ann = who(shelf, "eve"), who(shelf, "ann")
    assert eve.send(f"{path}/approve", version=1).status_code == 403
    assert ann.send(f"{path}/approve", version=1, reason="read it").status_code == 303

    def status() -> PlaybookStatus:
        with transaction(shelf.house.services.engine) as session:
            return get_playbook(session, shelf.playbook).status

    assert status() is PlaybookStatus.APPROVED
    assert ann.send(f"{path}/deprecate", reason="x").status_code == 403
    assert eve.send(f"{path}/deprecate", reason="it did harm").status_code == 303
    assert status() is PlaybookStatus.DEPRECATED
    assert "it did harm" in eve.get(path)


def test_a_step_that_gave_up_is_tried_again(shelf: Furnished) -> None:
    assert "Try again" not in who(shelf, "victor").get("/reconciliation")
    assert who(shelf, "victor").send("/reconciliation/replay", letter=shelf.letter).status_code == 403
    eve = who(shelf, "eve")
    assert "Try again: notify channels" in eve.get("/reconciliation")
    assert eve.send("/reconciliation/replay", letter=shelf.letter).status_code == 303
    with transaction(shelf.house.services.engine) as session:
        assert [step.status for step in steps_of(session, shelf.unknown)] == [StepStatus.PENDING]


@pytest.mark.parametrize("path", ["/incidents?status=x", "/incidents?before=x", "/audit?before=x", "/policy/x"])
def test_an_address_that_means_nothing_is_refused(shelf: Furnished, path: str) -> None:
    assert "<html" in who(shelf, "otto").get(path, status=422)


@pytest.mark.parametrize("path", ["/incidents/INC-0", "/playbooks/none", "/policy/9", "/audit/none", "/knowledge/{}"])
def test_what_is_not_there_is_a_page_that_says_so(shelf: Furnished, path: str) -> None:
    who(shelf, "otto").get(path.format(shelf.pending), status=404)
