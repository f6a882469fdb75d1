"""Requests that arrive at the same time: every answer has to be true of what is stored."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.contract.api import Answer
from tests.contract.namespace import Namespace
from tests.contract.objects import configmap

AT_ONCE = 8


def together(send: Callable[[int], Answer]) -> list[Answer]:
    """Send one request per number, all at the same time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(send, range(AT_ONCE)))


def test_of_many_creations_one_wins(ns: Namespace) -> None:
    answers = together(lambda number: ns.post("configmaps", configmap(number=str(number))))
    assert Counter(answer.status for answer in answers) == {201: 1, 409: AT_ONCE - 1}
    (won,) = (answer.body for answer in answers if answer.status == 201)
    assert ns.read("configmaps", "settings")["data"] == won["data"]


def test_of_many_patches_that_test_the_same_value_one_wins(ns: Namespace) -> None:
    ns.create("configmaps", configmap(holder="nobody"))
    answers = together(
        lambda number: ns.json_patch(
            "configmaps",
            "settings",
            {"op": "test", "path": "/data/holder", "value": "nobody"},
            {"op": "replace", "path": "/data/holder", "value": str(number)},
        )
    )
    statuses = Counter(answer.status for answer in answers)
    assert statuses == {200: 1, 422: AT_ONCE - 1}
    (won,) = (answer.body for answer in answers if answer.status == 200)
    assert ns.read("configmaps", "settings")["data"] == won["data"]


def test_of_many_writes_with_one_resource_version_one_wins(ns: Namespace) -> None:
    found = ns.create("configmaps", configmap())
    answers = together(lambda number: ns.put("configmaps", "settings", {**found, "data": {"by": str(number)}}))
    assert Counter(answer.status for answer in answers) == {200: 1, 409: AT_ONCE - 1}


def test_patches_of_different_fields_all_land(ns: Namespace) -> None:
    ns.create("configmaps", configmap())
    answers = together(lambda number: ns.patch("configmaps", "settings", {"data": {f"key-{number}": "x"}}))
    assert {answer.status for answer in answers} == {200}
    assert len(ns.read("configmaps", "settings")["data"]) == AT_ONCE
    assert len({answer.body["metadata"]["resourceVersion"] for answer in answers}) == AT_ONCE


def test_of_many_deletions_one_finds_the_object(ns: Namespace) -> None:
    uid = ns.create("configmaps", configmap())["metadata"]["uid"]
    answers = together(lambda _: ns.delete("configmaps", "settings", {"preconditions": {"uid": uid}}))
    assert Counter(answer.status for answer in answers) == {200: 1, 404: AT_ONCE - 1}
