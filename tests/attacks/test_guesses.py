"""Guesses tokens: many, and by how long it takes to be refused."""

import ast
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from countersign.execution import access
from countersign.web import acting, limits
from tests.attacks.doors import House, house, nothing_changes, refused, told
from tests.web.conftest import ADDRESS

__all__ = ["house"]
SECRET = {"hash", "mac", "asked", "csrf", "token"}


def guess(value: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {value}"}


def test_whoever_guesses_waits_longer_and_longer(house: House) -> None:
    client = TestClient(house.app, base_url=ADDRESS)
    with nothing_changes(house):
        for _ in range(limits.FREE_FAILURES):
            refused(client.get("/v1/me", headers=guess(f"cst_{uuid4().hex}_hunter2")), 401, "unauthenticated")
        waits = client.get("/v1/me", headers=guess(f"cst_{uuid4().hex}_hunter2"))
        refused(waits, 429, "too_many_requests")
    assert int(waits.headers["retry-after"]) >= 1
    assert told(house) == [], "strangers' guesses do not fill the audit"


@pytest.mark.parametrize(
    "value", ["", "x", "cst_", "cst__", "cst_zz_y", "csl_" + "0" * 32 + "_y", "css_" + "0" * 32 + "_y", "é" * 400]
)
def test_what_is_no_token_is_refused_as_one_that_is_not_known(house: House, value: str) -> None:
    client = TestClient(house.app, base_url=ADDRESS)
    with nothing_changes(house):
        answer = client.get("/v1/me", headers={b"authorization": b"Bearer " + value.encode()})
        refused(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("module", [access, acting], ids=["access", "acting"])
def test_secrets_are_compared_in_a_time_that_says_nothing(module: object) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text())
    sides = [
        side
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) and any(isinstance(each, ast.Eq | ast.NotEq) for each in node.ops)
        for side in (node.left, *node.comparators)
    ]
    compared = [ast.unparse(each) for each in sides if ast.unparse(each).rsplit(".", 1)[-1] in SECRET]
    assert compared == []
    assert "compare_digest" in ast.unparse(tree)
