"""Rows follow each other in their chain, whoever writes them at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import Engine, text

from countersign.records import audit
from countersign.records.audit import Event
from countersign.records.database.engine import transaction
from countersign.records.database.identifiers import new_id

ROWS = text("SELECT chain, position, previous, hash, details::text FROM audit_event ORDER BY chain, position")


def test_concurrent_writers_do_not_fork_a_chain(engine: Engine) -> None:
    approval_id, writers, each = new_id(), 8, 10
    ready = Barrier(writers)

    def write(number: int) -> None:
        ready.wait()
        for turn in range(each):
            with transaction(engine) as session:
                audit.record(session, Event.INTENT_WRITTEN, approval_id=approval_id, details={"by": [number, turn]})

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    with transaction(engine) as session:
        rows = session.execute(ROWS).all()
    assert [row.position for row in rows] == list(range(1, writers * each + 1))
    assert rows[0].previous == bytes(32)
    assert [row.previous for row in rows[1:]] == [row.hash for row in rows[:-1]]


def test_rows_of_one_transaction_follow_each_other(engine: Engine) -> None:
    with transaction(engine) as session:
        for turn in range(3):
            audit.record(session, Event.KILL_SWITCH_ON, details={"turn": turn})
    with transaction(engine) as session:
        rows = session.execute(ROWS).all()
    assert [(row.chain, row.position) for row in rows] == [("control", 1), ("control", 2), ("control", 3)]


def test_a_transaction_that_is_rolled_back_leaves_no_gap(engine: Engine) -> None:
    approval_id = new_id()
    with pytest.raises(RuntimeError), transaction(engine) as session:
        audit.record(session, Event.REQUEST_FILED, approval_id=approval_id)
        raise RuntimeError
    with transaction(engine) as session:
        audit.record(session, Event.REQUEST_FILED, approval_id=approval_id)
        assert [row.position for row in session.execute(ROWS)] == [1]


def test_secrets_are_masked_before_they_are_hashed(engine: Engine) -> None:
    with transaction(engine) as session:
        audit.record(session, Event.BLOCK_REFUSED, details={"password": "hunter2-a", "said": "token=hunter2-b"})
        found = session.execute(ROWS).one().details
    assert "hunter2" not in found
    assert "***" in found
