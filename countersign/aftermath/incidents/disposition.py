"""Count how the anomaly was disposed of, by people or by itself, once per execution."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session

from countersign.aftermath.incidents.anomaly import anomaly_for_people, anomaly_key_of
from countersign.aftermath.incidents.incident_of import incident_of
from countersign.aftermath.subject import Done, Skipped, StepEnd, Subject
from countersign.errors import MemoryUnavailable
from countersign.logging import get_logger
from countersign.memory.connection import open_memory
from countersign.memory.counters import Counters
from countersign.records import dispositions
from countersign.records.database.engine import statements, transaction
from countersign.records.states import DispositionKind
from countersign.texts import text

logger = get_logger(__name__)


def record_disposition(subject: Subject) -> StepEnd:
    """Put on record who let the execution happen, and bring the anomaly's counters up to date.

    The counters are written while the records hold the anomaly: they hold what its rows come to, however often this
    runs. Raises MemoryUnavailable where Redis is named and does not answer.
    """
    execution, approval = subject.execution, subject.approval
    assert execution.outcome is not None, "steps exist once there is an outcome"
    outcome = execution.outcome
    with statements(subject.engine) as session:
        key = anomaly_key_of(approval, incident_of(session, approval))
    if key is None:
        return Skipped(text("disposition.nothing_known"))
    kind = DispositionKind.AUTO_APPROVED if approval.auto_approved else DispositionKind.HUMAN_APPROVED
    url = subject.services.settings.redis_url
    counters = None if url is None else Counters(open_memory(url))

    def write(session: Session) -> Mapping[str, Any]:
        dispositions.record_disposition(session, execution.id, anomaly_key=key, kind=kind, outcome=outcome)
        counts = dispositions.dispositions_of(session, key)
        if counters is not None:
            counters.put(key, counts)
        summary = text(
            "disposition.counted",
            kind=text(f"disposition.{kind}"),
            anomaly=anomaly_for_people(key),
            count=counts[kind],
        )
        return {"anomaly_key": key, "kind": kind.value, "counts": counts, "summary": summary}

    return Done(write=write)


def counts_of(engine: Engine, counters: Counters | None, anomaly_key: str) -> Mapping[str, int]:
    """Return an anomaly's counters, from Redis or, where they are lost or it does not answer, from the records."""
    if counters is not None:
        try:
            if found := counters.read(anomaly_key):
                return found
        except MemoryUnavailable as error:
            logger.warning("counters are read from the records", reason=error.message)
            counters = None
    return _count_again(engine, counters, anomaly_key)


def rebuild_counters(engine: Engine, counters: Counters) -> int:
    """Make all counters again from the records; return of how many anomalies. Harmless while steps run.

    Raises MemoryUnavailable, DatabaseUnavailable.
    """
    counters.clear()
    with transaction(engine) as session:
        keys = dispositions.anomalies(session)
    for key in keys:
        _count_again(engine, counters, key)
    return len(keys)


def _count_again(engine: Engine, counters: Counters | None, anomaly_key: str) -> Mapping[str, int]:
    with transaction(engine) as session:
        dispositions.lock_anomaly(session, anomaly_key)
        counts = dispositions.dispositions_of(session, anomaly_key)
        if counters is not None:
            counters.put(anomaly_key, counts)
    return counts
