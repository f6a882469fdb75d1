"""Sends bodies that are large, deep, or read in two ways, to bring the process down or past a check."""

import json

import pytest

from tests.attacks.doors import House, house, nothing_changes, refused

__all__ = ["house"]
ACTION = "kubectl rollout restart deployment/api -n prod"
JSON = {"Content-Type": "application/json"}


def test_a_body_that_is_too_large_is_not_read(house: House) -> None:
    client = house.client("carol")
    with nothing_changes(house):
        refused(client.post("/v1/approvals", json={"action": ACTION, "description": "x" * 300_000}), 413, "too_large")


def test_a_body_that_does_not_say_how_large_it_is_is_read_no_further(house: House) -> None:
    read = 0

    def endless():  # type: ignore[no-untyped-def]
        nonlocal read
        while read < 100_000_000:
            read += 65_536
            yield b" " * 65_536

    client = house.client("carol")
    with nothing_changes(house):
        answer = client.post("/v1/approvals", content=endless(), headers=JSON)
        refused(answer, 413, "too_large")


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"a":' * 50_000, b'{"metadata":' + b"[" * 40 + b"]" * 40 + b"}"],
    ids=["lists", "objects", "valid"],
)
def test_a_body_that_is_too_deep_is_not_parsed(house: House, body: bytes) -> None:
    client = house.client("carol")
    with nothing_changes(house):
        refused(client.post("/v1/approvals", content=body, headers=JSON), 413, "too_large")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le"])
def test_depth_does_not_hide_in_another_encoding(house: House, encoding: str) -> None:
    body = ('{"∀": ' + "[" * 5_000).encode(encoding)
    client = house.client("carol")
    with nothing_changes(house):
        refused(client.post("/v1/approvals", content=body, headers=JSON), 422, "invalid_input")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (f'{{"action": "NO_ACTION", "action": "{ACTION}"}}', "is there twice"),
        (f'{{"action": "{ACTION}", "metadata": {{"ticket": 1, "ticket": 2}}}}', "is there twice"),
        (f'{{"action": "{ACTION}", "\\u0061ction": "NO_ACTION"}}', "is there twice"),
        (f'{{"action": "{ACTION}", "metadata": {{"n": NaN}}}}', "NaN is no JSON"),
        (f'{{"action": "{ACTION}", "metadata": {{"n": -Infinity}}}}', "-Infinity is no JSON"),
        (f'{{"action": "{ACTION}", "metadata": {{"n": 1e999}}}}', "larger than can be kept"),
        (f'{{"action": "{ACTION}", "metadata": {{"n": {"9" * 5_000}}}}}', "5000 digits"),
        (f'{{"action": "{ACTION}", "description": "a\\u0000b"}}', "a NUL or half a character"),
        (f'{{"action": "{ACTION}", "metadata": {{"\\ud800": 1}}}}', "a NUL or half a character"),
        (f'{{"action": "{ACTION}", "metadata": ["\\udfff"]}}', "a NUL or half a character"),
    ],
    ids=["twice", "deep", "escaped", "nan", "infinity", "large", "long", "nul", "key", "half"],
)
def test_what_two_readers_read_differently_is_refused(house: House, body: str, said: str) -> None:
    client = house.client("carol")
    with nothing_changes(house):
        answer = client.post("/v1/approvals", content=body.encode(), headers=JSON)
        assert said in refused(answer, 422, "invalid_input")


def test_a_nul_in_an_address_asks_nothing_of_the_records(house: House) -> None:
    client = house.client("carol")
    for path in ("/v1/playbooks/a%00b", "/v1/incidents/a%00b", "/v1/knowledge?q=a%00b", "/v1/knowledge?q=%ff"):
        refused(client.get(path), 422, "invalid_input")


def test_a_body_that_can_be_read_is(house: House) -> None:
    body = json.dumps({"action": ACTION, "metadata": {"n": 2**60, "f": 0.5, "t": "ü∀"}}).encode()
    assert house.client("carol").post("/v1/approvals", content=body, headers=JSON).status_code == 201
