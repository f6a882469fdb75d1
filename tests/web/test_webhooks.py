"""Webhooks and sources over HTTP: made by policy administrators, their secrets shown once."""

from countersign.records.database.engine import transaction
from countersign.records.webhooks import get_webhook
from countersign.webhooks.signing import mac_of_webhook, secret_of
from countersign.webhooks.sources import make_source
from tests.attacks.conftest import audited
from tests.planted import plant
from tests.web.conftest import House

HOOK = {"url": "https://approvals.example.com/countersign", "events": ["approval.*"]}


def made(house: House) -> str:
    answer = house.client("ann").post("/v1/webhooks", json=HOOK)
    assert answer.status_code == 201, answer.text
    plant(answer.json()["secret"])
    return str(answer.json()["id"])


def test_a_webhook_is_made_shown_and_removed(house: House) -> None:
    ann, webhook = house.client("ann"), made(house)
    (listed,) = ann.get("/v1/webhooks").json()
    assert (listed["id"], listed["url"], listed["events"]) == (webhook, HOOK["url"], HOOK["events"])
    assert "secret" not in listed and "mac" not in listed
    assert ann.get(f"/v1/webhooks/{webhook}").json() == listed
    assert ann.get(f"/v1/webhooks/{webhook}/deliveries").json() == []
    assert ann.post(f"/v1/webhooks/{webhook}/remove").status_code == 200
    assert ann.post(f"/v1/webhooks/{webhook}/remove").status_code == 200
    assert ann.get("/v1/webhooks").json() == []
    assert ann.post(f"/v1/webhooks/{webhook}/test").status_code == 404


def test_an_answer_that_is_repeated_has_no_secret(house: House) -> None:
    ann = house.client("ann")
    first = ann.post("/v1/webhooks", json=HOOK, headers={"Idempotency-Key": "one"})
    plant(first.json()["secret"])
    again = ann.post("/v1/webhooks", json=HOOK, headers={"Idempotency-Key": "one"})
    assert (again.status_code, again.json()) == (201, {**first.json(), "secret": None})
    assert len(ann.get("/v1/webhooks").json()) == 1


def test_a_rotation_shows_another_secret_of_the_same_webhook(house: House) -> None:
    webhook = made(house)
    answer = house.client("ann").post(f"/v1/webhooks/{webhook}/rotate")
    secret = plant(answer.json()["secret"])
    with transaction(house.services.engine) as session:
        row = get_webhook(session, answer.json()["id"])
    assert (str(row.id), row.version) == (webhook, 2)
    assert row.mac == mac_of_webhook(house.services.seal, row)
    assert secret == secret_of(house.services.seal, row.id, 2).get_secret_value()


def test_a_replay_says_what(house: House) -> None:
    ann, address = house.client("ann"), f"/v1/webhooks/{made(house)}/replay"
    assert ann.post(address, json={"since": "2026-01-31T12:00:00Z"}).status_code == 202
    assert ann.post(address, json={"event": 12}).status_code == 404
    for wrong in ({}, {"event": 1, "since": "2026-01-31T12:00:00Z"}, {"since": "2026-01-31T12:00:00"}, {"event": -1}):
        assert ann.post(address, json=wrong).status_code == 422, wrong


def test_a_bad_address_or_pattern_is_named(house: House) -> None:
    ann = house.client("ann")
    closed = ann.post("/v1/webhooks", json={**HOOK, "url": "https://169.254.169.254/"})
    assert (closed.status_code, closed.json()["code"]) == (422, "address_forbidden")
    assert audited(house.office, "access").count("access:request:refused") == 1
    plain = ann.post("/v1/webhooks", json={**HOOK, "url": "http://approvals.example.com/"})
    assert (plain.status_code, plain.json()["field"]) == (422, "url")
    pattern = ann.post("/v1/webhooks", json={**HOOK, "events": ["aproval.*"]})
    assert (pattern.status_code, pattern.json()["field"]) == (422, "events")


def test_a_source_is_seen_and_ended(house: House) -> None:
    """It is made where Countersign runs: whoever governs could else file in another's name, and sign in their own."""
    ann = house.client("ann")
    assert ann.post("/v1/webhooks/sources", json={"subject": "jira"}).status_code == 405
    with transaction(house.services.engine) as session:
        made = make_source(session, house.services.seal, subject="jira", by="the test")
    plant(made.secret.get_secret_value())
    (listed,) = ann.get("/v1/webhooks/sources").json()
    assert (listed["subject"], "mac" in listed) == ("jira", False)
    assert ann.post(f"/v1/webhooks/sources/{listed['id']}/end").json()["ended_at"] is not None
    assert ann.get("/v1/webhooks/sources").json() == []


def test_only_policy_administrators_have_to_do_with_them(house: House) -> None:
    webhook = made(house)
    for name in ("carol", "alice", "eve", "victor", "otto"):
        client = house.client(name)
        asked = [
            client.get("/v1/webhooks"),
            client.post("/v1/webhooks", json=HOOK),
            client.get(f"/v1/webhooks/{webhook}"),
            client.get(f"/v1/webhooks/{webhook}/deliveries"),
            *(client.post(f"/v1/webhooks/{webhook}/{act}") for act in ("rotate", "enable", "test", "remove")),
            client.post(f"/v1/webhooks/{webhook}/replay", json={"event": 1}),
            client.get("/v1/webhooks/sources"),
            client.post(f"/v1/webhooks/sources/{webhook}/end"),
        ]
        assert [answer.status_code for answer in asked] == [403] * len(asked)
