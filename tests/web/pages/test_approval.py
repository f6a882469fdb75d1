"""One approval on one page: what it says, to whom, and what its forms do."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from countersign.archive.moving import Archiving, month_of, next_month
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.records.outcomes import Outcome
from countersign.records.queries import execution_of
from countersign.records.states import ApprovalStatus
from countersign.web.pages.approval import record
from tests.aftermath.following import follow
from tests.planted import plant
from tests.web.conftest import House
from tests.web.pages.conftest import reader
from tests.web.scene import SCRIPT, UNSEEN, filed, signed, unknown

SCALE = "kubectl scale deployment/api --replicas={} -n prod"
FROZEN = "kubectl rollout restart deployment/invoices -n billing"


def status(house: House, approval_id: UUID) -> ApprovalStatus:
    with transaction(house.services.engine) as session:
        return get_approval(session, approval_id).status


def test_the_action_is_told_in_words_and_as_it_was_written(house: House) -> None:
    page = reader(house, "alice").get(f"/approvals/{filed(house.office, SCALE.format(5))}")
    assert "<h1>Scale deployment prod/api</h1>" in page
    assert SCALE.format(5) in page
    assert "<dd><code>sandbox</code></dd>" in page


def test_what_was_executed_before_is_shown_with_what_came_of_it_on_the_same_target_first(house: House) -> None:
    office = house.office
    before = filed(office, SCALE.format(4))
    elsewhere = filed(office, "kubectl scale deployment/web --replicas=3 -n prod")
    for each in (before, elsewhere):
        signed(office, each, "alice")
        assert office.run(each).success
    filed(office, SCALE.format(6))
    other = filed(office, "kubectl rollout restart deployment/api -n prod")
    page = reader(house, "alice").get(f"/approvals/{filed(office, SCALE.format(5))}")
    similar = page[page.index("Executed before, on the same target first") :]
    similar = similar[: similar.index("</section>")]
    assert re.findall(r'href="/approvals/([0-9a-f-]+)"', similar) == [str(before), str(elsewhere)]
    assert similar.count("Succeeded") == 2
    assert "Executed before" not in reader(house, "alice").get(f"/approvals/{other}")
    run = reader(house, "alice").get(f"/approvals/{before}")
    assert "Operation log" in run
    assert "success · <code>scale</code>" in run


def test_whoever_may_sign_is_told_how_and_nobody_else(house: House) -> None:
    approval = filed(house.office, SCALE.format(5))
    command = f"countersign approvals sign {approval.hex[-8:]} --as alice"
    assert command in reader(house, "alice").get(f"/approvals/{approval}")
    others = reader(house, "victor").get(f"/approvals/{approval}")
    assert "approvals sign" not in others
    assert "alice <span" in others


def test_who_has_signed_is_not_asked_again(house: House) -> None:
    approval = filed(house.office, SCALE.format(5), required_signatures=2)
    signed(house.office, approval, "alice", comment="Agreed.")
    page = reader(house, "alice").get(f"/approvals/{approval}")
    assert "1 / 2" in page
    assert "Agreed." in page
    assert "approvals sign" not in page
    assert "Unchanged so far" in page


def test_what_would_be_sent_is_shown_before_and_after_with_the_way_back(house: House) -> None:
    approval = filed(house.office, SCALE.format(5))
    house.office.cluster.log.clear()
    part = reader(house, "alice").get(f"/approvals/{approval}/now", part=True)
    assert "Once it is signed, it would run." in part
    assert "/spec/replicas" in part
    assert "PATCH /apis/apps/v1/namespaces/prod/deployments/api" in part
    assert "What would take it back" in part
    assert "<html" not in part
    assert not house.office.cluster.log.mutations()


def test_without_scripts_the_same_is_a_page_of_its_own(house: House) -> None:
    approval = filed(house.office, SCALE.format(5))
    alice = reader(house, "alice")
    assert f'href="/approvals/{approval}/now"' in alice.get(f"/approvals/{approval}")
    whole = alice.get(f"/approvals/{approval}/now")
    assert "<html" in whole
    assert "/spec/replicas" in whole


def test_the_rule_that_is_against_it_is_named_with_its_end(house: House) -> None:
    part = reader(house, "alice").get(f"/approvals/{house.office.approved(FROZEN)}/now", part=True)
    assert "It would not run now." in part
    assert "<b>Freeze</b>" in part
    assert "until 2100-01-01 00:00 UTC" in part


def test_the_time_left_is_told_with_the_exact_time_in_the_zone_of_the_reader(house: House) -> None:
    ends = datetime.now(UTC) + timedelta(hours=2, minutes=30, seconds=30)
    approval = filed(house.office, SCALE.format(5), expires_at=ends)
    alice = reader(house, "alice")
    alice.browser.client.cookies.set("countersign_zone", "Asia%2FTaipei", domain="countersign.example")
    page = alice.get(f"/approvals/{approval}")
    assert "in 2 h 30 min" in page
    local = (ends + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")
    assert f"{local} CST (UTC+08:00)" in page


def test_outcome_verdict_steps_and_evidence_are_told_once_it_is_over(house: House) -> None:
    approval = house.office.approved("kubectl rollout restart deployment/api -n prod")
    follow(house.office, house.office.run(approval))
    page = reader(house, "victor").get(f"/approvals/{approval}")
    for said in ("What happened", "Succeeded", "What followed", "deposit knowledge", "Evidence", "about to be sent"):
        assert said in page
    assert "Would it run now?" not in page


def test_steps_that_begin_to_exist_while_the_page_is_read_break_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    approval = house.office.approved("kubectl rollout restart deployment/api -n prod")
    house.office.run(approval)
    monkeypatch.setattr(record, "steps_of", lambda *_: [])  # what a reading a moment before saw
    assert "What happened" in reader(house, "victor").get(f"/approvals/{approval}")


def test_texts_of_others_do_nothing_but_stand_there(house: House) -> None:
    secret = plant("hunter2-on-a-page")
    action = f"kubectl annotate deployment/web -n prod note='{SCRIPT}' token={secret}"
    approval = filed(house.office, action, description=SCRIPT)
    signed(house.office, approval, "alice", comment=f"{SCRIPT} {UNSEEN}")
    for path in ("/", "/approvals", f"/approvals/{approval}", f"/approvals/{approval}/now"):
        page = reader(house, "victor").get(path)
        assert "<script>alert" not in page
        assert secret not in page
        assert "\u202e" not in page
    assert "right\\u{202e}left" in reader(house, "victor").get(f"/approvals/{approval}")


@pytest.mark.all_rights
def test_what_was_changed_after_signing_is_called_tampered_with(house: House, engine: Engine) -> None:
    approval = house.office.approved(SCALE.format(4))
    with transaction(engine) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("UPDATE approval SET description = 'other'"))
    page = reader(house, "victor").get(f"/approvals/{approval}")
    assert "Tampered with" in page
    assert "never be executed" in page


def test_a_hash_that_was_shown_before_and_is_another_one_is_said(house: House) -> None:
    approval = filed(house.office, SCALE.format(5))
    alice = reader(house, "alice")
    assert "not what you were shown" not in alice.get(f"/approvals/{approval}?shown={alice.hash_of(approval)}")
    assert "not what you were shown" in alice.get(f"/approvals/{approval}?shown={'0' * 64}")


def test_the_requester_withdraws(house: House) -> None:
    approval = filed(house.office, SCALE.format(5))
    carol = reader(house, "carol")
    answer = carol.send(f"/approvals/{approval}/withdraw", reason="mended", shown=carol.hash_of(approval))
    assert (answer.status_code, answer.headers["location"]) == (303, f"/approvals/{approval}")
    assert status(house, approval) is ApprovalStatus.CANCELLED
    assert "mended" in carol.get(f"/approvals/{approval}")


@pytest.mark.parametrize(
    ("name", "fields", "code"),
    [
        ("carol", {"csrf": "0" * 64}, 403),
        ("carol", {"shown": "0" * 64}, 412),
        ("alice", {}, 403),
        ("victor", {}, 403),
    ],
)
def test_a_withdrawal_is_refused(house: House, name: str, fields: dict[str, str], code: int) -> None:
    approval = filed(house.office, SCALE.format(5))
    who = reader(house, name)
    answer = who.send(f"/approvals/{approval}/withdraw", **{"shown": who.hash_of(approval), **fields})
    assert answer.status_code == code
    assert status(house, approval) is ApprovalStatus.PENDING
    assert "<html" in answer.text


def test_an_unknown_outcome_is_settled_by_whoever_looked(house: House) -> None:
    approval = unknown(house.office)
    with transaction(house.services.engine) as session:
        execution = execution_of(session, approval)
        assert execution is not None
    assert "What became of it?" not in reader(house, "victor").get(f"/approvals/{approval}")
    eve = reader(house, "eve")
    assert "What became of it?" in eve.get(f"/approvals/{approval}")
    answer = eve.send(
        f"/approvals/{approval}/found-out", execution=execution.id, outcome="success", reason="3 replicas are there"
    )
    assert answer.status_code == 303, answer.text
    with transaction(house.services.engine) as session:
        found = execution_of(session, approval)
        assert found is not None
        assert found.outcome is Outcome.SUCCESS
    assert "3 replicas are there" in eve.get(f"/approvals/{approval}")


def test_what_is_not_approved_is_not_started(house: House) -> None:
    approval = filed(house.office, SCALE.format(5))
    eve = reader(house, "eve")
    assert "Start now" not in eve.get(f"/approvals/{approval}")
    answer = eve.send(f"/approvals/{approval}/start", shown=eve.hash_of(approval))
    assert answer.status_code == 409
    assert status(house, approval) is ApprovalStatus.PENDING


def test_critical_risk_is_named_once_more_before_it_is_started(house: House) -> None:
    approval = house.office.approved("kubectl drain node-1 --ignore-daemonsets", risk="critical")
    eve = reader(house, "eve")
    assert 'name="confirmed"' in eve.get(f"/approvals/{approval}")
    answer = eve.send(f"/approvals/{approval}/start", shown=eve.hash_of(approval), confirmed="yes")
    assert answer.status_code == 422
    assert approval.hex[-8:] in answer.text


def test_nobody_who_is_not_logged_in_sees_a_page(house: House) -> None:
    approval = filed(house.office, SCALE.format(5))
    answer = house.client().get(f"/approvals/{approval}", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/login?back=%2Fapprovals%2F{approval}"


def test_an_id_that_is_none_is_a_page_that_says_so(house: House) -> None:
    page = reader(house, "victor").get("/approvals/nonsense", status=404)
    assert "no approval is called" in page


def test_what_has_moved_to_the_archive_is_said_where_it_was(house: House, all_rights: Engine, tmp_path: Path) -> None:
    office = house.office
    approval = filed(office, SCALE.format(4), incident_id="INC-7")
    signed(office, approval, "alice")
    report = office.run(approval)
    follow(office, report)
    until = next_month(month_of(datetime.now(UTC) + timedelta(days=1)))
    (moved,) = Archiving(all_rights, tmp_path / "archive", by="alice").run(until)
    alice = reader(house, "alice")
    page = alice.get(f"/approvals/{approval}")
    assert "What was told until then is in the archive" in page
    assert moved.name in page
    assert "Succeeded" in page
    program = house.client("alice")
    assert [each["description"] for each in program.get(f"/v1/approvals/{approval}/timeline").json()] == [moved.name]
    shown = program.get(f"/v1/approvals/{approval}").json()
    assert (shown["outcome"], shown["verdict"]) == ("success", "effective")
    gone = program.get(f"/v1/executions/{report.execution_id}/steps")
    assert (gone.status_code, gone.json()["code"]) == (410, "archived")
    assert moved.name in gone.json()["detail"]
    (after,) = program.get(f"/v1/executions/{report.execution_id}/evidence").json()
    assert (after["verdict"], after["objects"], after["archived_in"]) == ("effective", {}, [moved.name])
    assert program.get(f"/v1/executions/{report.execution_id}/journal").status_code == 200
