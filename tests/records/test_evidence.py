"""Snapshots: the first baseline stays, a verification that runs again replaces what it saw."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import Engine

from countersign.records.database import transaction
from countersign.records.evidence import Seen, evidence_of, store_after, store_before
from countersign.records.states import EvidencePhase, Verdict
from tests.records.builders import owned

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def execution_id(engine: Engine) -> UUID:
    return owned(engine).execution_id


def test_whoever_takes_over_keeps_the_first_baseline(engine: Engine, execution_id: UUID) -> None:
    with transaction(engine) as session:
        store_before(session, execution_id, Seen(AT, {"n": 1}))
        store_before(session, execution_id, Seen(AT, {"n": 2}), verification={"probes": []})
        found = evidence_of(session, execution_id)
        assert (found[EvidencePhase.BEFORE].objects, found[EvidencePhase.BEFORE].verification) == ({"n": 1}, None)


def test_a_verification_that_runs_again_replaces_what_it_saw(engine: Engine, execution_id: UUID) -> None:
    with transaction(engine) as session:
        first = store_after(session, execution_id, Seen(AT, {}), verdict=Verdict.WORSE, verification={"reasons": []})
        again = store_after(session, execution_id, Seen(AT, {"n": 3}), verdict=Verdict.EFFECTIVE, verification={})
        (after,) = evidence_of(session, execution_id).values()
        assert (after.id, after.verdict, after.objects) == (first, Verdict.EFFECTIVE, {"n": 3})
        assert first == again
