"""Snapshots: the baseline is from before any request, a verification that runs again replaces what it saw."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import Engine

from countersign.records.database.engine import transaction
from countersign.records.evidence import Seen, evidence_of, store_after, store_before
from countersign.records.journal import record_intent
from countersign.records.owned import Owned
from countersign.records.plans import store_plan
from countersign.records.states import EvidencePhase, Verdict
from tests.records.builders import owned, unsealed

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def mine(engine: Engine) -> Owned:
    return owned(engine)


@pytest.fixture
def execution_id(mine: Owned) -> UUID:
    return mine.execution_id


def test_whoever_takes_over_looks_anew_as_long_as_nothing_was_sent(engine: Engine, execution_id: UUID) -> None:
    with transaction(engine) as session:
        store_before(session, execution_id, Seen(AT, {"n": 1}))
        store_before(session, execution_id, Seen(AT, {"n": 2}), verification={"probes": []})
        before = evidence_of(session, execution_id)[EvidencePhase.BEFORE]
        assert (before.objects, before.verification) == ({"n": 2}, {"probes": []})


def test_what_is_seen_after_a_request_is_no_baseline(engine: Engine, mine: Owned) -> None:
    with transaction(engine) as session:
        store_plan(session, mine, plan={"steps": []}, plan_hash="hash", plan_mac="m")
        store_before(session, mine.execution_id, Seen(AT, {"n": 1}))
        record_intent(
            session, mine, step="1-restart", attempt=1, payload={}, lease_needed_seconds=0, sealing=unsealed
        )
        store_before(session, mine.execution_id, Seen(AT, {"n": 2}))
        assert evidence_of(session, mine.execution_id)[EvidencePhase.BEFORE].objects == {"n": 1}


def test_a_verification_that_runs_again_replaces_what_it_saw(engine: Engine, execution_id: UUID) -> None:
    with transaction(engine) as session:
        first = store_after(session, execution_id, Seen(AT, {}), verdict=Verdict.WORSE, verification={"reasons": []})
        again = store_after(session, execution_id, Seen(AT, {"n": 3}), verdict=Verdict.EFFECTIVE, verification={})
        (after,) = evidence_of(session, execution_id).values()
        assert (after.id, after.verdict, after.objects) == (first, Verdict.EFFECTIVE, {"n": 3})
        assert first == again
