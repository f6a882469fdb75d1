"""Sends requests in the name of a system that may: without its secret, changed, repeated, late, ahead of time."""

from datetime import timedelta
from json import dumps

import pytest
from standardwebhooks import Webhook

from countersign.records.database.engine import transaction
from countersign.webhooks.signing import secret_of
from countersign.webhooks.sources import end_source
from tests.attacks.conftest import audited
from tests.web.conftest import House, house
from tests.web.sender import Sender, sender_of
from tests.web.test_approvals import RESTART, signature

__all__ = ["house"]
BODY = dumps({"type": "approval.requested", "data": RESTART})
REFUSED = "webhook:request:refused"
OTHER = f"whsec_{'A' * 43}="


@pytest.fixture
def sender(house: House) -> Sender:
    return sender_of(house)


def filed(house: House) -> int:
    return len(house.client("carol").get("/v1/approvals").json()["items"])


def told(house: House) -> int:
    return audited(house.office, "webhook").count(REFUSED)


@pytest.mark.parametrize(
    "ago", [timedelta(minutes=5, seconds=5), timedelta(days=30), -timedelta(minutes=5, seconds=5)]
)
def test_a_request_from_another_time_is_refused(house: House, sender: Sender, ago: timedelta) -> None:
    answer = sender.post(BODY, sender.signed(BODY, ago=ago))
    assert (answer.status_code, filed(house), told(house)) == (401, 0, 1)


@pytest.mark.parametrize("ago", [timedelta(minutes=4), -timedelta(minutes=4)])
def test_clocks_may_differ_by_less(house: House, sender: Sender, ago: timedelta) -> None:
    assert sender.post(BODY, sender.signed(BODY, ago=ago)).status_code == 201


def test_a_request_that_was_heard_does_nothing_a_second_time(house: House, sender: Sender) -> None:
    headers = sender.signed(BODY)
    first, again = sender.post(BODY, headers), sender.post(BODY, headers)
    assert (first.json(), filed(house)) == (again.json(), 1)


def test_a_heard_signature_is_good_for_no_other_id_time_body_or_source(house: House, sender: Sender) -> None:
    headers, other = sender.signed(BODY), sender_of(house)
    later = str(int(headers["webhook-timestamp"]) + 1)
    tries = [
        sender.post(BODY.replace("api", "web"), headers),
        sender.post(f"{BODY} ", headers),
        sender.post(BODY, {**headers, "webhook-id": "another"}),
        sender.post(BODY, {**headers, "webhook-timestamp": later}),
        sender.post(BODY, headers, source=other.source),
    ]
    assert [answer.status_code for answer in tries] == [401] * len(tries)
    assert (filed(house), told(house)) == (0, len(tries))


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,not base64!"},
        {"webhook-signature": "v1,a,b"},
        {"webhook-signature": f"v1,{'A' * 43}="},
        {"webhook-signature": "v1a,AAAA v2,AAAA"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "nan"},
        {"webhook-timestamp": "1e400"},
        {"webhook-timestamp": "-1"},
        {"webhook-id": ""},
    ],
)
def test_what_is_no_signature_is_refused(house: House, sender: Sender, changed: dict[str, str]) -> None:
    answer = sender.post(BODY, {**sender.signed(BODY), **changed})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert (filed(house), told(house)) == (0, 1)


def test_another_secret_is_refused_and_a_webhooks_is_another(house: House, sender: Sender) -> None:
    for secret in (OTHER, secret_of(house.services.seal, sender.source, 2).get_secret_value()):
        assert sender.post(BODY, sender.signed(BODY, secret=secret)).status_code == 401
    assert filed(house) == 0


def test_an_empty_secret_is_none(house: House, sender: Sender) -> None:
    with pytest.raises(Exception, match="empty"):
        Webhook("whsec_")
    assert sender.post(BODY, {}).status_code == 401


def test_a_source_that_was_ended_is_let_in_no_more(house: House, sender: Sender) -> None:
    with transaction(house.services.engine) as session:
        end_source(session, sender.source, by="ann")
    answer = sender.post(BODY, sender.signed(BODY))
    assert (answer.status_code, filed(house), told(house)) == (401, 0, 1)


def test_a_source_that_is_not_there_is_not_known_and_not_told(house: House, sender: Sender) -> None:
    nobody = "019b1c00-0000-7000-8000-0000000000aa"
    assert sender.post(BODY, sender.signed(BODY), source=nobody).status_code == 401
    assert told(house) == 0


def test_guessing_is_made_slow(house: House, sender: Sender) -> None:
    codes = [sender.post(BODY, sender.signed(BODY, secret=OTHER)).status_code for _ in range(8)]
    assert codes[-1] == 429
    assert told(house) == codes.count(401)
    # Nobody else is made to wait for it.
    assert sender_of(house).send("approval.requested", RESTART).status_code == 201


def test_a_token_is_no_signature_and_a_signature_no_token(house: House, sender: Sender) -> None:
    token = {"authorization": f"Bearer {house.token('carol')}"}
    assert sender.post(BODY, token).status_code == 401
    with_secret = house.client().post(
        "/v1/approvals", json=RESTART, headers={"authorization": f"Bearer {sender.secret}"}
    )
    assert with_secret.status_code == 401


@pytest.mark.parametrize("subject", ["victor", "nobody-in-the-policy", "ann"])
def test_the_subject_may_no_more_than_its_roles(house: House, subject: str) -> None:
    answer = sender_of(house, subject).send("approval.requested", RESTART)
    assert (answer.status_code, filed(house)) == (403, 0)
    assert audited(house.office, "access").count("access:role:refused") == 1


def test_the_senders_signature_is_nobodys_on_an_approval(house: House, sender: Sender) -> None:
    approval = sender.send("approval.requested", RESTART).json()["approval"]["id"]
    made = signature(house, house.client("alice"), approval, "alice")
    bad = {**made, "approval_id": approval, "signer": "bob"}
    answer = sender_of(house, "bob").send("approval.signed", bad)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert house.client("carol").get(f"/v1/approvals/{approval}").json()["signed_by"] == []


def test_an_id_that_is_too_long_is_refused(house: House, sender: Sender) -> None:
    answer = sender.post(BODY, sender.signed(BODY, message_id="x" * 151))
    assert (answer.status_code, answer.json()["field"]) == (422, "webhook-id")
    assert told(house) == 1
