"""What is kept in Redis has an end, older never replaces younger, and a Redis that is away is one clear error."""

import pytest
from pydantic import SecretStr
from redis import Redis

from countersign.errors import MemoryUnavailable
from countersign.memory.cards import card_of, keep_card
from countersign.memory.connection import open_memory
from countersign.memory.counters import Counters
from countersign.memory.working import Copy, WorkingMemory


def memory_in(redis: Redis) -> WorkingMemory:
    return WorkingMemory(redis, seconds=60)


def test_a_copy_comes_back_as_it_was(redis: Redis) -> None:
    copy = Copy(3, {"title": "延遲過高", "signals": {"alertname": "HighLatency"}, "services": ["api"]})
    assert memory_in(redis).keep("INC-1", copy)
    assert memory_in(redis).recall("INC-1") == copy


def test_an_older_copy_does_not_replace_a_younger_one(redis: Redis) -> None:
    memory = memory_in(redis)
    memory.keep("INC-1", Copy(10, {"status": "resolved"}))
    assert not memory.keep("INC-1", Copy(9, {"status": "open"}))
    assert memory.recall("INC-1") == Copy(10, {"status": "resolved"})


def test_an_incident_without_a_copy_has_none(redis: Redis) -> None:
    memory = memory_in(redis)
    memory.keep("INC-1", Copy(1, {}))
    memory.forget("INC-1")
    assert memory.recall("INC-1") is None


def test_a_copy_that_cannot_be_read_is_none(redis: Redis) -> None:
    redis.hset("countersign:incident:INC-1", mapping={"version": "1", "document": "{half"})
    redis.expire("countersign:incident:INC-1", 60)
    assert memory_in(redis).recall("INC-1") is None


def test_counters_are_what_was_put_last(redis: Redis) -> None:
    counters = Counters(redis)
    counters.put("a|b|c", {"auto_approved": 3, "auto_approved:failed": 3})
    counters.put("a|b|c", {"auto_approved": 4})
    assert counters.read("a|b|c") == {"auto_approved": 4}
    assert counters.read("a|b|d") == {}


def test_cleared_counters_are_gone_and_nothing_else_is(redis: Redis) -> None:
    counters, memory = Counters(redis), memory_in(redis)
    counters.put("a|b|c", {"auto_approved": 3})
    memory.keep("INC-1", Copy(1, {}))
    counters.clear()
    assert counters.read("a|b|c") == {}
    assert memory.recall("INC-1") is not None


def test_a_card_is_found_under_the_name_that_the_alerting_system_writes(redis: Redis) -> None:
    keep_card(redis, "INC-1", "-100123:42")
    assert redis.get("tg_msg:INC-1") == "-100123:42"
    assert card_of(redis, "INC-1") == "-100123:42"
    assert card_of(redis, "INC-2") is None


def test_a_redis_that_is_away_is_an_error_without_the_password() -> None:
    memory = memory_in(open_memory(SecretStr("redis://:hunter2@127.0.0.1:1/0")))
    with pytest.raises(MemoryUnavailable, match="does not answer") as raised:
        memory.recall("INC-1")
    assert "hunter2" not in f"{raised.value} {raised.value.hint} {raised.value.__cause__}"


def test_no_address_is_an_error_that_says_how_to_give_one() -> None:
    with pytest.raises(MemoryUnavailable, match="COUNTERSIGN_REDIS_URL") as raised:
        open_memory(None)
    assert "redis://" in (raised.value.hint or "")


def test_an_address_that_is_none_is_an_error() -> None:
    with pytest.raises(MemoryUnavailable, match="cannot be read"):
        open_memory(SecretStr("http://localhost:6379"))
