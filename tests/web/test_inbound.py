"""Another system files, signs and withdraws by signed requests, as it would with a token."""

import json
import os
import subprocess
import sys
from typing import Any

from tests.attacks.conftest import audited
from tests.web.conftest import House
from tests.web.sender import sender_of
from tests.web.test_api_document import serving
from tests.web.test_approvals import RESTART, signature
from tests.webhooks.test_documents import program


def test_a_signed_request_files_in_the_name_of_its_source(house: House) -> None:
    answer = sender_of(house).send("approval.requested", RESTART)
    assert answer.status_code == 201, answer.text
    found = answer.json()["approval"]
    assert (found["requested_by"], found["status"]) == ("carol", "pending")
    assert answer.headers["location"] == f"/v1/approvals/{found['id']}"
    refused = sender_of(house).send("approval.requested", {**RESTART, "requested_by": "alice"})
    assert (refused.status_code, refused.json()["field"]) == (422, "data.requested_by")


def test_a_signature_is_brought_and_counts_by_its_key(house: House) -> None:
    approval = sender_of(house).send("approval.requested", RESTART).json()["approval"]["id"]
    made = signature(house, house.client("alice"), approval, "alice")
    brought = sender_of(house, "bob").send("approval.signed", {**made, "approval_id": approval})
    assert brought.status_code == 201, brought.text
    assert (brought.json()["signed_by"], brought.json()["status"]) == (["alice"], "approved")


def test_only_its_own_request_is_withdrawn(house: House) -> None:
    approval = sender_of(house).send("approval.requested", RESTART).json()["approval"]["id"]
    data = {"approval_id": approval, "reason": "done by hand"}
    refused = sender_of(house, "alice").send("approval.withdrawn", data)
    assert refused.status_code == 403
    answer = sender_of(house).send("approval.withdrawn", data)
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")


def test_the_same_id_is_answered_as_before_and_done_once(house: House) -> None:
    sender = sender_of(house)
    first = sender.send("approval.requested", RESTART, message_id="one")
    again = sender.send("approval.requested", RESTART, message_id="one")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    other = sender.send("approval.requested", {**RESTART, "description": "x"}, message_id="one")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(house.client("carol").get("/v1/approvals").json()["items"]) == 1


def test_the_id_of_another_source_is_another_id(house: House) -> None:
    first = sender_of(house).send("approval.requested", RESTART, message_id="one")
    other = sender_of(house).send("approval.requested", {**RESTART, "description": "x"}, message_id="one")
    token = house.client("carol").post("/v1/approvals", json=RESTART, headers={"Idempotency-Key": "one"})
    assert [answer.status_code for answer in (first, other, token)] == [201, 201, 201]


def test_what_is_refused_is_told_with_what_is_wrong(house: House) -> None:
    sender = sender_of(house)
    cases: list[tuple[str, Any, str]] = [
        ("approval.requested", {}, "data.action"),
        ("approval.requested", {**RESTART, "risk_level": "none"}, "data.risk_level"),
        ("approval.executed", {}, "type"),
        ("approval.withdrawn", {"approval_id": "x"}, "data.approval_id"),
    ]
    for kind, data, field in cases:
        answer = sender.send(kind, data)
        assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    body = "{not json"
    assert sender.post(body, sender.signed(body)).status_code == 422
    unknown = sender.send("approval.withdrawn", {"approval_id": str(sender.source)})
    assert unknown.status_code == 404
    assert audited(house.office, "webhook").count("webhook:request:refused") == len(cases) + 2


def test_the_openapi_says_what_a_message_is(house: House) -> None:
    schema = house.client().get("/v1/openapi.json").json()["paths"]["/v1/inbound/{source}"]["post"]
    said = json.dumps(schema["requestBody"])
    assert all(word in said for word in ("approval.requested", "approval.signed", "approval.withdrawn", "action"))
    assert "$ref" not in said and "$defs" not in said


def test_the_sender_of_the_page_runs(house: House) -> None:
    sender = sender_of(house)
    with serving(house.app) as address:
        environment = {
            **os.environ,
            "COUNTERSIGN_URL": address,
            "SOURCE": str(sender.source),
            "SOURCE_SECRET": sender.secret,
        }
        words = [sys.executable, "-c", program("sender")]
        ran = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=60)
    status, approval = ran.stdout.split()
    assert status == "201", ran.stderr
    assert house.client("carol").get(f"/v1/approvals/{approval}").json()["requested_by"] == "carol"
