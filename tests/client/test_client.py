"""The client against the real application: the same errors and answers, nothing signed that was not shown."""

import json
from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from countersign.client import Client, Signing, sign
from countersign.errors import ConfigurationError, Forbidden, NotFound, ParseFailure, Tampered, Unauthenticated
from countersign.policy.keys import key_id_of
from tests.web.conftest import ADDRESS, House, cluster, house, household, office, running_cluster

__all__ = ["cluster", "house", "household", "office", "running_cluster"]
RESTART = "kubectl rollout restart deployment/api -n prod"


class Between(httpx.BaseTransport):
    """What lies between client and application, and may change, lose or invent answers."""

    def __init__(
        self, house: House, change: Callable[[httpx.Response], httpx.Response] = lambda answer: answer
    ) -> None:
        self.client, self.change, self.asked = house.client(), change, []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.client.request(
            request.method, str(request.url), content=request.read(), headers=dict(request.headers)
        )
        kept = {name: value for name, value in answer.headers.items() if name != "content-length"}
        return self.change(httpx.Response(answer.status_code, content=answer.content, headers=kept, request=request))


def client(house: House, subject: str, between: Between | None = None) -> Client:
    return Client(ADDRESS, SecretStr(house.token(subject)), transport=between or Between(house))


def test_file_sign_and_wait(house: House) -> None:
    filed = client(house, "carol").file(RESTART, description="it hangs")["approval"]
    key = house.office.household.keys["alice"]
    alice = client(house, "alice")
    shown = Signing.asked(alice, filed["id"], signer="alice", decision="approve")
    assert shown.content["action"] == RESTART
    signed = sign(alice, shown, key, key_id=key_id_of(key.public_key()))
    assert signed["status"] == "approved"
    assert alice.wait(filed["id"], seconds=0)["id"] == filed["id"]
    assert [each["id"] for each in alice.approvals(limit=5)] == [filed["id"]]


def test_problems_are_the_same_errors_as_everywhere(house: House) -> None:
    carol = client(house, "carol")
    with pytest.raises(ParseFailure, match="restrat"):
        carol.file("kubectl rollout restrat deploy/api")
    with pytest.raises(NotFound):
        carol.approval("01a22cba-ea23-74d9-833c-51018492c651")
    with pytest.raises(Forbidden, match="no role"):
        client(house, "victor").file(RESTART)
    with pytest.raises(Unauthenticated):
        Client(ADDRESS, SecretStr("cst_nonsense"), transport=Between(house)).get("/me")


def test_an_answer_that_was_lost_is_asked_for_again_with_the_same_key(house: House) -> None:
    lost = 0

    def lose(answer: httpx.Response) -> httpx.Response:
        nonlocal lost
        lost += 1
        if lost == 1:
            raise httpx.ReadError("reset")
        return answer

    between = Between(house, lose)
    filed = client(house, "carol", between).file(RESTART)
    assert len(between.asked) == 2
    assert [each["id"] for each in client(house, "carol").approvals()] == [filed["approval"]["id"]]


def test_a_foreign_page_is_not_taken_for_an_answer(house: House) -> None:
    def page(answer: httpx.Response) -> httpx.Response:
        return httpx.Response(404, html="<h1>not here</h1>", request=answer.request)

    with pytest.raises(Exception, match="not as Countersign does"):
        client(house, "carol", Between(house, page)).approval("x")


def test_nobody_there_says_which_address(house: House) -> None:
    def gone(answer: httpx.Response) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(ConfigurationError, match="cannot be reached"):
        client(house, "carol", Between(house, gone)).get("/me")


@pytest.mark.parametrize("field", ["action", "requested_by", "risk_level"])
def test_a_server_that_shows_one_thing_and_has_another_signed_is_found_out(house: House, field: str) -> None:
    filed = client(house, "carol").file(RESTART)["approval"]

    def lie(answer: httpx.Response) -> httpx.Response:
        said = json.loads(answer.content)
        said["content"][field] = "something harmless"
        return httpx.Response(200, json=said, request=answer.request)

    with pytest.raises(Tampered, match="shows something else"):
        Signing.asked(client(house, "alice", Between(house, lie)), filed["id"], signer="alice", decision="approve")
