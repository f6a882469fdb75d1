"""What the world is told of a row of the audit."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.audit.rows import NO_ROW, Row
from countersign.errors import InvalidInput
from countersign.records.audit_events import Event
from countersign.webhooks.events import (
    LARGEST_BODY,
    PUBLIC,
    body_of,
    check_patterns,
    events_for,
    is_wanted,
    name_of,
)

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
ID = "019b1c00-0000-7000-8000-000000000001"


def row(event: str, details: dict[str, Any], *, chain: str = ID, actor: str = "alice") -> Row:
    return Row(1, chain, 1, event, actor, "", json.dumps(details), AT, NO_ROW, NO_ROW)


def test_the_signature_that_completes_the_quorum_has_a_name_of_its_own() -> None:
    assert name_of(Event.REQUEST_SIGNED, {"status": "pending"}) == "approval.signed"
    assert name_of(Event.REQUEST_SIGNED, {"status": "approved"}) == "approval.approved"


def test_what_only_the_audit_is_told_of_has_no_name() -> None:
    assert name_of(Event.INTENT_WRITTEN, {}) is None
    assert name_of("something:of:tomorrow", {}) is None


@pytest.mark.parametrize("pattern", PUBLIC)
def test_who_asks_for_a_name_looks_at_its_rows(pattern: str) -> None:
    (checked,) = check_patterns([pattern, pattern])
    names = {
        name
        for event in events_for([checked])
        for status in ("approved", "x")
        if (name := name_of(event, {"status": status}))
    }
    assert pattern in {name for name in names if is_wanted(name, [checked])}


@pytest.mark.parametrize("pattern", ["approvals.*", "", "execution", "journal.*", "APPROVAL.*"])
def test_a_pattern_that_no_event_has_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidInput, match="events:"):
        check_patterns([pattern])


def test_a_body_has_type_time_and_short_facts() -> None:
    details = {"status": "executed", "outcome": "success", "digest": "d", "payload": {"body": "x"}}
    body = json.loads(body_of(row(Event.OUTCOME_SETTLED, details), 7))
    assert (body["type"], body["timestamp"]) == ("execution.settled", "2026-01-31T12:00:00.000000Z")
    assert body["data"] == {
        "event": 7,
        "approval_id": ID,
        "actor": "alice",
        "about": "",
        "status": "executed",
        "outcome": "success",
    }
    assert UUID(body["data"]["approval_id"])


def test_what_is_about_no_approval_has_none() -> None:
    body = json.loads(body_of(row(Event.KILL_SWITCH_ON, {"is_on": True}, chain="control"), 1))
    assert "approval_id" not in body["data"]


def test_secrets_are_masked() -> None:
    details = {"description": "password=hunter2hunter2", "found": "Bearer hunter2.hunter2.hunter2aA1"}
    assert "hunter2" not in body_of(row(Event.INCIDENT_OPENED, details), 1)


@given(
    words=st.lists(st.text(max_size=60_000), min_size=4, max_size=4),
    char=st.sampled_from(["x", "\x01", "字", '"', "🚨"]),
    many=st.integers(0, 60_000),
)
def test_no_body_is_too_large(words: list[str], char: str, many: int) -> None:
    details = {
        "description": words[0] + char * many,
        "found": char * many,
        "reason": words[2] + char * many,
        "status": words[3],
        "hash": [char * many],
    }
    body = body_of(row(Event.INCIDENT_OPENED, details, actor=words[1] + char * many), 1)
    assert len(body.encode()) <= LARGEST_BODY
    assert json.loads(body)["type"] == "incident.opened"
