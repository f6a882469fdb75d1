"""Every other group of addresses: what they show, what they change, and who is said to have changed it."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from countersign.execution.policy.change import unchanged_version
from countersign.policy.versions import sign_version
from countersign.records.database.engine import transaction
from countersign.records.ledger import steps_of
from countersign.records.playbooks import changes_of, get_playbook
from countersign.records.policy_versions import in_force
from countersign.records.states import StepName, StepStatus
from countersign.records.timeline import events_of
from tests.execution.conftest import Office
from tests.policy.board import KEYS
from tests.web.records import ALERTS, Furnished, furnished


@pytest.fixture
def rooms(office: Office, tmp_path: Path) -> Iterator[Furnished]:
    """The application over records of every kind."""
    found = furnished(office, tmp_path)
    yield found
    found.house.app.state.changes.close()


def test_an_execution_says_what_was_meant_sent_and_seen(rooms: Furnished) -> None:
    client = rooms.house.client("victor")
    whole = client.get(f"/v1/executions/{rooms.execution}").json()
    assert (whole["outcome"], whole["approval_id"]) == ("success", str(rooms.executed))
    assert whole["report"]["steps"][0]["result"] == "landed"
    kinds = [each["kind"] for each in client.get(f"/v1/executions/{rooms.execution}/journal").json()]
    assert kinds == ["intent", "answer"]
    (before,) = client.get(f"/v1/executions/{rooms.execution}/evidence").json()
    assert before["phase"] == "before" and before["objects"]
    assert client.get(f"/v1/executions/{rooms.execution}/steps").json()[0]["status"] == "pending"
    (listed,) = client.get(f"/v1/approvals/{rooms.executed}/executions").json()
    assert listed["id"] == str(rooms.execution)


def test_an_unknown_outcome_is_settled_by_who_asks(rooms: Furnished) -> None:
    body = {"outcome": "success", "reason": "the annotation is there"}
    settled = rooms.house.client("eve").post(f"/v1/executions/{rooms.unknown}/settle", json=body).json()
    assert settled["outcome"] == "success"
    assert settled["report"]["found_out"]["by"] == "eve"
    again = rooms.house.client("eve").post(f"/v1/executions/{rooms.unknown}/settle", json=body)
    assert (again.status_code, again.json()["code"]) == (422, "invalid_input")


@pytest.mark.parametrize("by", ["letter", "step", "kind"])
def test_a_dead_step_begins_again(rooms: Furnished, by: str) -> None:
    client = rooms.house.client("eve")
    (letter,) = client.get("/v1/dead-letters").json()
    assert (letter["id"], letter["name"], letter["error"]) == (str(rooms.letter), "notify", "no answer")
    match by:
        case "letter":
            answer = client.post(f"/v1/dead-letters/{rooms.letter}/replay")
        case "step":
            answer = client.post(f"/v1/executions/{rooms.unknown}/steps/notify/replay")
        case _:
            answer = client.post("/v1/replays", json={"kind": "notify"})
    assert answer.status_code == 200, answer.text
    with transaction(rooms.house.services.engine) as session:
        (step,) = steps_of(session, rooms.unknown)
    assert (step.name, step.status, step.attempts) == (StepName.NOTIFY, StepStatus.PENDING, 0)


def test_pages_of_the_operation_log_follow_one_another(rooms: Furnished) -> None:
    client = rooms.house.client("victor")
    first = client.get("/v1/operation-log", params={"limit": 1}).json()
    second = client.get("/v1/operation-log", params={"limit": 1, "cursor": first["next"]}).json()
    assert (len(first["items"]), len(second["items"]), second["next"]) == (1, 1, None)
    assert first["items"][0]["opened_at"] > second["items"][0]["opened_at"]
    assert second["items"][0]["execution_id"] == str(rooms.execution)
    assert [row["status"] for row in client.get("/v1/operation-log", params={"status": "success"}).json()["items"]]


def test_alerts_open_an_incident_and_a_person_moves_and_resolves_it(rooms: Furnished) -> None:
    client = rooms.house.client("eve")
    assert client.post("/v1/incidents/alerts", json=ALERTS).json() == {
        "incident": rooms.incident,
        "became": "refreshed",
    }
    found = client.get(f"/v1/incidents/{rooms.incident}").json()
    assert (found["status"], found["signals"]["alertname"], len(found["alerts"])) == ("open", "ApiDown", 1)
    moved = client.post(f"/v1/incidents/{rooms.incident}/move", json={"status": "mitigating"}).json()
    assert moved["status"] == "mitigating"
    resolved = client.post(f"/v1/incidents/{rooms.incident}/resolve", json={"note": "it answers again"}).json()
    assert (resolved["status"], resolved["closing_note"]) == ("resolved", "it answers again")
    with transaction(rooms.house.services.engine) as session:
        actors = [event.actor for event in events_of(session, incident_id=rooms.incident)]
    assert actors[-2:] == ["eve", "eve"]


@pytest.mark.parametrize("form", ["notification", "list", "one"])
def test_every_form_of_alerts_is_read(rooms: Furnished, form: str) -> None:
    alert = {"labels": {"alertname": "DiskFull", "instance": form}}
    given = {
        "notification": {"version": "4", "groupKey": form, "status": "firing", "alerts": [alert]},
        "list": [alert],
    }
    answer = rooms.house.client("eve").post("/v1/incidents/alerts", json=given.get(form, alert))
    assert (answer.status_code, answer.json()["became"]) == (200, "opened")


def test_an_action_of_people_is_not_linked_as_if_it_had_been_approved_by_itself(rooms: Furnished) -> None:
    body = {"approval_id": str(rooms.executed)}
    answer = rooms.house.client("eve").post(f"/v1/incidents/{rooms.incident}/link", json=body)
    assert (answer.status_code, answer.json()["hint"]) == (422, "what belongs to it is added by its own steps")


def test_a_playbook_is_approved_deprecated_and_rendered(rooms: Furnished) -> None:
    ann, eve = rooms.house.client("ann"), rooms.house.client("eve")
    address = f"/v1/playbooks/{rooms.playbook}"
    assert ann.post(f"{address}/approve", json={"reason": "seen twice"}).json()["status"] == "approved"
    assert eve.post(f"{address}/approve", json={}).status_code == 403
    made = eve.post(f"{address}/render", json={"variables": {"name": "api", "namespace": "prod"}}).json()
    assert made["actions"] == ["kubectl rollout restart deployment/api -n prod"]
    assert eve.post(f"{address}/deprecate", json={"reason": "gone"}).json()["status"] == "deprecated"
    assert ann.post(f"{address}/restore", json={"reason": "other"}).status_code == 200
    whole = ann.get(address).json()
    assert [(each["what"], each["by"]) for each in whole["changes"]][-2:] == [
        ("approved", "ann"),
        ("deprecated", "eve"),
    ]
    with transaction(rooms.house.services.engine) as session:
        assert len(changes_of(session, get_playbook(session, rooms.playbook).id)) == len(whole["changes"])


def test_knowledge_is_found_by_its_words(rooms: Furnished) -> None:
    client = rooms.house.client("victor")
    (found,) = client.get("/v1/knowledge", params={"q": "hung"}).json()
    assert found["id"] == str(rooms.entry)
    assert client.get(f"/v1/knowledge/{rooms.entry}").json()["body"] == "Restart it."
    assert [each["author"] for each in client.get("/v1/knowledge", params={"author": "carol"}).json()] == ["carol"]


def test_the_policy_is_read_with_its_name(rooms: Furnished) -> None:
    client = rooms.house.client("victor")
    answer = client.get("/v1/policy")
    assert (answer.json()["number"], answer.json()["administrators"]) == (rooms.version, ["ann"])
    same = client.get("/v1/policy", headers={"If-None-Match": answer.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")


def test_a_policy_is_proposed_signed_elsewhere_and_activated(rooms: Furnished) -> None:
    client = rooms.house.client("ann")
    text = rooms.house.office.household.policy + "# mine\n"
    body = {"document": text, "reason": "a try"}
    stale = client.post("/v1/policy/versions", json=body, headers={"If-Match": '"other"'})
    assert stale.status_code == 412
    made = client.post("/v1/policy/versions", json=body).json()
    number = made["number"]
    assert (made["author"], made["in_force"]) == ("ann", False)
    assert client.get(f"/v1/policy/versions/{number}/difference").json()["difference"].endswith("+# mine\n")
    early = client.post(f"/v1/policy/versions/{number}/activate")
    assert early.status_code == 409, early.text
    shown = client.get(f"/v1/policy/versions/{number}/signing").json()
    with transaction(rooms.house.services.engine) as session:
        signed = sign_version(unchanged_version(session, number), administrator="ann", key=KEYS["ann"])
    assert KEYS["ann"].sign(base64.b64decode(shown["message"])) == base64.b64decode(signed.value)
    foreign = {"administrator": "ann", "key_id": signed.key_id, "value": base64.b64encode(bytes(64)).decode()}
    refused = client.post(f"/v1/policy/versions/{number}/signatures", json=foreign)
    assert (refused.status_code, refused.json()["code"]) == (422, "not_approved")
    counted = client.post(f"/v1/policy/versions/{number}/signatures", json={**foreign, "value": signed.value})
    assert counted.json() == {"administrators": ["ann"], "quorum": 1, "suffices": True}
    assert client.post(f"/v1/policy/versions/{number}/activate").json()["activated_by"] == "ann"
    with transaction(rooms.house.services.engine) as session:
        mark = in_force(session)
    assert mark is not None and mark.number == number


def test_a_policy_that_does_not_work_is_explained(rooms: Furnished) -> None:
    client = rooms.house.client("carol")
    bad = client.post("/v1/policy/check", json={"document": "signerz: []\n"}).json()
    assert (bad["works"], bad["hint"]) == (False, "did you mean signers?")
    assert client.post("/v1/policy/check", json={"document": rooms.house.office.household.policy}).json()["works"]


def test_stopping_is_the_executors_and_going_on_the_administrators(rooms: Furnished) -> None:
    eve, ann = rooms.house.client("eve"), rooms.house.client("ann")
    assert ann.post("/v1/kill-switch", json={"on": True, "reason": "x"}).status_code == 403
    stopped = eve.post("/v1/kill-switch", json={"on": True, "reason": "too much"}).json()
    assert (stopped["on"], stopped["changed_by"]) == (True, "eve")
    assert eve.post("/v1/kill-switch", json={"on": False, "reason": "enough"}).status_code == 403
    status = rooms.house.client("victor").get("/v1/status").json()
    assert (status["kill_switch"], status["items"][0]["need"]) == (True, "kill_switch")
    assert not ann.post("/v1/kill-switch", json={"on": False, "reason": "enough"}).json()["on"]


def test_status_says_what_needs_a_person(rooms: Furnished) -> None:
    needs = {each["need"]: each for each in rooms.house.client("victor").get("/v1/status").json()["items"]}
    assert {"unknown", "dead_letter", "signatures", "policy"} <= set(needs)
    assert needs["signatures"]["approval_id"] == str(rooms.pending)


def test_trends_count_what_ended_and_say_so_for_each_day(rooms: Furnished) -> None:
    month = rooms.house.client("victor").get("/v1/trends?window=30d").json()
    assert len(month["slots"]) == 30
    assert month["whole"]["outcomes"]["success"] == 1 == month["slots"][-1]["outcomes"]["success"]
    assert month["whole"]["to_effect"]["count"] == 1
    assert month["top"]["target"][0]["executions"] == 1
    day = rooms.house.client("victor").get("/v1/trends").json()
    assert (day["grain"], day["whole"]) == ("hour", month["whole"])
    assert rooms.house.client("victor").get("/v1/trends?window=1y").status_code == 422


@pytest.mark.parametrize(
    ("address", "reader"),
    [("/v1/incidents", "victor"), ("/v1/dead-letters", "victor"), ("/v1/audit/events", "otto")],
)
def test_pages_of_a_list_follow_one_another(rooms: Furnished, address: str, reader: str) -> None:
    with transaction(rooms.house.services.engine) as session:
        for number in range(3):
            # Of one moment, so that the names decide.
            session.execute(
                text("INSERT INTO incident (id, created_at) VALUES (:id, '2026-01-01Z')"), {"id": f"INC-{number}"}
            )
        session.execute(
            text(
                "INSERT INTO dead_letter (id, step_id, execution_id, name, error, replays, created_at)"
                " SELECT gen_random_uuid(), id, execution_id, name, 'lost', 0, '2026-01-01Z' FROM ledger_step"
                " WHERE id NOT IN (SELECT step_id FROM dead_letter) LIMIT 4"
            )
        )
    client = rooms.house.client(reader)
    whole = [each["id"] for each in client.get(f"{address}?limit=1000").json()]
    assert len(whole) >= 4
    paged: list[str] = []
    page = client.get(f"{address}?limit=2")
    while True:
        paged += [each["id"] for each in page.json()]
        if "next" not in page.links:
            break
        page = client.get(page.links["next"]["url"])
    assert paged == whole


@pytest.mark.parametrize("address", ["/v1/incidents?cursor=x", "/v1/dead-letters?cursor=WyJ4IiwgMV0"])
def test_a_cursor_that_was_not_made_here_is_refused(rooms: Furnished, address: str) -> None:
    answer = rooms.house.client("victor").get(address)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


def test_reconciliation_says_what_it_found(rooms: Furnished) -> None:
    (part,) = rooms.house.client("victor").get("/v1/reconciliation").json()
    assert (part["part"], part["found"], part["oldest_seconds"]) == ("expired", 1, 3.0)


@pytest.mark.usefixtures("prefect_away")
def test_what_prefect_has_to_start_says_so_while_it_is_away(rooms: Furnished) -> None:
    client = rooms.house.client("eve")
    for address in ("/v1/reconciliation/rounds", f"/v1/executions/{rooms.execution}/steps/run"):
        answer = client.post(address)
        assert (answer.status_code, answer.json()["code"]) == (503, "configuration"), answer.text


def test_a_proof_holds_elsewhere(rooms: Furnished, tmp_path: Path) -> None:
    client = rooms.house.client("otto")
    rows = client.get(f"/v1/audit/chains/{rooms.executed}").json()
    assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))
    (tmp_path / "proof.json").write_bytes(client.get(f"/v1/audit/chains/{rooms.executed}/proof").content)
    (tmp_path / "verify.py").write_text(client.get("/v1/audit/verifier").text)
    key = client.get("/v1/audit/head").json()["key"]
    check = [sys.executable, "verify.py", "proof.json", "--key", key]
    said = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    changed = json.loads((tmp_path / "proof.json").read_text())
    changed["rows"][0]["fields"][-3] = changed["rows"][0]["fields"][-3] + "x"
    (tmp_path / "proof.json").write_text(json.dumps(changed))
    said = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode != 0


def test_events_of_the_audit_are_found_by_how_they_begin(rooms: Furnished) -> None:
    client = rooms.house.client("otto")
    found = {row["event"] for row in client.get("/v1/audit/events", params={"event": "policy:"}).json()}
    assert found == {"policy:version:proposed", "policy:version:signed", "policy:version:activated"}
    assert client.get("/v1/audit/events", params={"event": "%"}).json() == []


def test_an_approvals_life_is_told_until_its_end_and_goes_on_after_what_was_seen(rooms: Furnished) -> None:
    client = rooms.house.client("carol")
    assert client.post(f"/v1/approvals/{rooms.pending}/cancel", json={}).status_code == 200
    address = f"/v1/approvals/{rooms.pending}/events"
    told = client.get(address)
    assert told.headers["content-type"].startswith("text/event-stream")
    names = [line.removeprefix("event: ") for line in told.text.splitlines() if line.startswith("event: ")]
    assert names == ["timeline", "timeline", "status", "end"]
    ids = [line.removeprefix("id: ") for line in told.text.splitlines() if line.startswith("id: ")]
    resumed = client.get(address, headers={"Last-Event-ID": ids[0]})
    assert f"id: {ids[1]}" in resumed.text and f"id: {ids[0]}" not in resumed.text
    assert client.get(address, headers={"Last-Event-ID": ids[1]}).status_code == 204
