"""A user of the same machine: can reach Prefect's port, and has no password."""

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest
import websockets

from countersign.local.stack import Stack
from tests.stack.api import Api

DEPLOYMENT = {"name": "mine", "flow_id": "0193d1c2-8a4e-7c31-9f7e-2b8f5c1d0e42", "entrypoint": "os.system"}
BASIC = "Basic " + base64.b64encode(b"countersign:guessed").decode()


@pytest.fixture(params=[{}, {"Authorization": BASIC}, {"Authorization": "Bearer x"}], ids=["none", "wrong", "bearer"])
def stranger(stack: Stack, request: pytest.FixtureRequest) -> httpx.Client:
    return httpx.Client(base_url=stack.addresses.api_url, headers=request.param, timeout=30)


def block_of(api: Api, kind: str) -> str:
    documents = api.http.post("/block_documents/filter", json={"limit": 100}).raise_for_status().json()
    return str(next(each["id"] for each in documents if each["block_type"]["slug"] == kind))


def refused(answer: httpx.Response) -> bool:
    """With a token against forged requests, which anybody may ask for, the password is what is missing."""
    return answer.status_code == 401 and "Unauthorized" in answer.text


def with_token(stranger: httpx.Client, api: Api) -> dict[str, str]:
    token = api.http.get("/csrf-token", params={"client": "mallory"}).raise_for_status().json()["token"]
    return {"Prefect-Csrf-Client": "mallory", "Prefect-Csrf-Token": token}


def test_the_kubeconfig_is_not_read_out_of_its_block(stack: Stack, api: Api, stranger: httpx.Client) -> None:
    block = f"/block_documents/{block_of(api, 'countersign-kubernetes-cluster')}"
    answer = stranger.get(block, params={"include_secrets": True})
    assert refused(answer) and "token" not in answer.text
    # It is there for those who have the password, so the attack would have found it.
    assert "kubeconfig" in api.http.get(block, params={"include_secrets": True}).text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/block_documents/filter", {}),
        ("POST", "/deployments/", DEPLOYMENT),
        ("PUT", "/admin/storage", {"default_result_storage_block_id": None}),
        ("POST", "/admin/database/clear", {"confirm": True}),
        ("POST", "/variables/", {"name": "mine", "value": 1}),
        ("POST", "/automations/", {"name": "mine"}),
        ("GET", "/admin/settings", None),
    ],
)
def test_nothing_is_asked_or_changed(api: Api, stranger: httpx.Client, method: str, path: str, body: Any) -> None:
    assert refused(stranger.request(method, path, json=body, headers=with_token(stranger, api)))


def test_a_block_is_not_replaced(api: Api, stranger: httpx.Client) -> None:
    block = f"/block_documents/{block_of(api, 'countersign-ssh-hosts')}"
    before = api.http.get(block).json()
    answer = stranger.patch(block, json={"data": {"hosts": []}}, headers=with_token(stranger, api))
    assert refused(answer)
    assert api.http.get(block).json() == before


@pytest.mark.parametrize("subprotocols", [["prefect"], None])
@pytest.mark.parametrize("path", ["/events/out", "/events/in", "/logs/out"])
def test_the_streams_do_not_open(stack: Stack, path: str, subprotocols: Any) -> None:
    url = stack.addresses.api_url.replace("http://", "ws://") + path

    async def listen() -> object:
        async with websockets.connect(url, subprotocols=subprotocols) as stream:
            await stream.send(json.dumps({"type": "auth", "token": "guessed"}))
            return await stream.recv()

    with pytest.raises((websockets.exceptions.ConnectionClosed, websockets.exceptions.InvalidStatus)):
        asyncio.run(listen())


def test_what_probes_ask_says_nothing_else(stranger: httpx.Client) -> None:
    assert stranger.get("/health").json() is True
