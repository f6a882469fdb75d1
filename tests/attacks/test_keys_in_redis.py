"""Can write to Redis: makes the approval key of gate 5 for a call, copies one, changes one, puts a used one back."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from redis import Redis

from countersign.canonical import canonical_json, sha256_of
from countersign.errors import ConfigurationError, GateRefused
from countersign.targets.hosts.audit import Purpose, ToolCall
from countersign.targets.hosts.fleet import HostSettings
from countersign.targets.hosts.gateway import Gateway
from countersign.targets.hosts.keys import KEY_SECONDS, ApprovalKeys, KeyBinding
from tests.attacks.conftest import audited
from tests.execution.test_on_a_host import RESTART, HostOffice, host, there
from tests.targets_hosts.conftest import CALLER, RULES

__all__ = ["host", "there"]

SECRET = b"the secret that is in no database"
HOST = HostSettings(
    name="web-1", address="10.0.0.1", user="deploy", private_key="", host_keys=(), environment="sandbox"
)  # type: ignore[arg-type]
CALL = ToolCall("ssh_docker_restart", HOST, {"container": "web"}, CALLER, Purpose.APPLY)


@pytest.fixture
def redis(valkey_url: str) -> Iterator[Redis]:
    with Redis.from_url(valkey_url) as client:
        yield client


@pytest.fixture
def keys(valkey_url: str) -> Iterator[ApprovalKeys]:
    opened = ApprovalKeys.connect(valkey_url, secret=SECRET)
    yield opened
    opened.close()


def name_of(binding: KeyBinding) -> str:
    return f"countersign:gate-key:{sha256_of(binding.to_json())}"


def refused(keys: ApprovalKeys, call: ToolCall = CALL) -> GateRefused:
    audit: list[object] = []
    with pytest.raises(GateRefused) as caught:
        Gateway(rules=RULES, audit=audit.append, keys=keys).authorise(call, (("docker", "restart", "web"),))
    assert [(one.decision.value, one.gate_code) for one in audit] == [("refused", caught.value.gate_code)]  # type: ignore[attr-defined]
    assert caught.value.gate == 5
    return caught.value


@pytest.mark.parametrize(
    "made",
    [
        lambda binding: canonical_json(binding.to_json()),
        lambda binding: canonical_json({"binding": binding.to_json(), "end": 99999999999, "mac": "0" * 64}),
        lambda binding: canonical_json({"binding": binding.to_json(), "end": 99999999999}),
        lambda _: "1",
        lambda _: "[" * 100_000,
        lambda _: "not JSON",
        lambda _: "",
    ],
)
def test_a_key_that_was_planted_opens_nothing(
    redis: Redis, keys: ApprovalKeys, made: Callable[[KeyBinding], str]
) -> None:
    redis.set(name_of(CALL.binding), made(CALL.binding))
    assert refused(keys).gate_code == "key_forged"
    assert not redis.keys("*")


def test_a_key_that_was_made_with_another_secret_opens_nothing(keys: ApprovalKeys, valkey_url: str) -> None:
    own = ApprovalKeys.connect(valkey_url, secret=b"guessed")
    own.write(CALL.binding)
    own.close()
    assert refused(keys).message == (
        "The approval key in Redis was not written by Countersign, or for another call; nothing was sent."
    )


@pytest.mark.parametrize(
    "other",
    [
        replace(CALL, parameters={"container": "database"}),
        replace(CALL, tool="ssh_clear_docker_logs"),
        replace(CALL, host=replace(HOST, name="web-2")),
        replace(CALL, caller=replace(CALLER, run="run-2")),
        replace(CALL, caller=replace(CALLER, project="shop", agent="writer")),
        replace(CALL, caller=replace(CALLER, session="run-1:2")),
    ],
)
def test_a_key_that_was_copied_for_another_call_opens_nothing(
    redis: Redis, keys: ApprovalKeys, other: ToolCall
) -> None:
    keys.write(CALL.binding)
    redis.rename(name_of(CALL.binding), name_of(other.binding))
    assert refused(keys, other).gate_code == "key_forged"


def test_a_key_whose_end_was_put_off_opens_nothing(redis: Redis, keys: ApprovalKeys) -> None:
    keys.write(CALL.binding)
    written = json.loads(redis.get(name_of(CALL.binding)))
    redis.set(name_of(CALL.binding), canonical_json({**written, "end": written["end"] + 3600}))
    assert refused(keys).gate_code == "key_forged"


def test_a_key_that_was_kept_beyond_its_end_opens_nothing(redis: Redis) -> None:
    now = [1000.0]
    keys = ApprovalKeys(redis, secret=SECRET, clock=lambda: now[0])
    keys.write(CALL.binding)
    redis.persist(name_of(CALL.binding))
    now[0] += KEY_SECONDS
    assert "has ended" in refused(keys).message


def test_a_used_key_that_was_put_back_opens_nothing(redis: Redis, keys: ApprovalKeys) -> None:
    keys.write(CALL.binding)
    kept = redis.get(name_of(CALL.binding))
    assert keys.consume(CALL.binding)
    redis.set(name_of(CALL.binding), kept)
    assert "was used before and put back" in refused(keys).message


@pytest.mark.parametrize("form", ["{}", "not JSON", '{"end": 99999999999, "number": "0", "mac": "0"}'])
def test_a_key_put_in_the_place_of_the_executors_sends_nothing_and_is_told_of(
    there: HostOffice, redis: Redis, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """As one who watches Redis and is faster than the gateway."""
    write = ApprovalKeys.write

    def overtaken(self: ApprovalKeys, key: KeyBinding) -> None:
        write(self, key)
        redis.set(name_of(key), form)

    monkeypatch.setattr(ApprovalKeys, "write", overtaken)
    report = there.perform(RESTART)
    assert (report.outcome, report.code) == ("blocked", "gate_5_key_forged")
    assert "was not written by Countersign" in report.message
    assert there.host.effects == ()
    events = audited(there.office, report.approval_id)
    assert events.count("tampering:approval_key:refused") == events.count("gateway:call:refused") == 1


def test_without_a_folder_for_the_secret_no_host_is_changed(there: HostOffice) -> None:
    bare = replace(there, office=there.office.with_settings(trust_dir=None))
    with pytest.raises(ConfigurationError, match="COUNTERSIGN_TRUST_DIR"):
        bare.perform(RESTART)
    assert there.host.effects == ()
