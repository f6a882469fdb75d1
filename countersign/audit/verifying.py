"""`countersign audit verify`: is the trail whole, is it the one that was signed for, do the records agree with it?"""

from collections.abc import Mapping

from sqlalchemy import Engine
from sqlmodel import Session

from countersign.audit.findings import MOST_OF_A_KIND, Findings, Kind, Verified
from countersign.audit.notes import Checkpoint, Verifier
from countersign.audit.trail import Chain, Trail
from countersign.records import audit
from countersign.records.audit_checks import Difference, differences, snapshot, statuses, switches
from countersign.records.audit_sources import SOURCES
from countersign.records.audit_tree import everything, heads
from countersign.records.database.engine import transaction

TOLD_ON_RECORD = 20

_NAMES = {
    "status": "status of approval",
    "owner": "owner of execution",
    "plan": "plan of execution",
    "outcome": "outcome of execution",
}


def verify(engine: Engine, *, verifier: Verifier | None, saved: Checkpoint | None) -> Verified:
    """Read everything at one moment and return what is wrong.

    Without `verifier` the stored heads' signatures are not checked; `saved` is a head from outside, which alone can
    tell of a trail that was cut off, or replaced by an older copy of it, together with its checkpoints.
    """
    with snapshot(engine) as session:
        trail = Trail(heads(session), verifier, saved)
        trail.read(everything(session))
        _compare_records(session, trail.findings)
        _compare_states(session, trail.chains, trail.findings)
    found = trail.findings
    return Verified(
        rows=trail.rows,
        chains=len(trail.chains),
        size=trail.tree.size,
        heads=trail.heads,
        waiting=trail.waiting,
        findings=tuple(found.told),
        untold=found.untold,
    )


def _compare_records(session: Session, findings: Findings) -> None:
    for source in SOURCES:
        for found in differences(session, source, limit=MOST_OF_A_KIND + 1):
            findings.add(*_told(found))


def _told(found: Difference) -> tuple[Kind, str]:
    name, _, key = found.about.partition(":")
    record = f"{_NAMES.get(name, name.replace('_', ' '))} {key}"
    if found.event_id is None:
        return Kind.UNCHAINED, f"{record} is in the records, and no audit row tells of it (chain {found.chain})"
    if not found.is_there:
        return Kind.REMOVED, f"{record} is gone from the records; audit row {found.event_id} tells of it"
    return Kind.CHANGED, f"{record} was changed since audit row {found.event_id} told of it"


def _compare_states(session: Session, chains: Mapping[str, Chain], findings: Findings) -> None:
    for chain, status in statuses(session):
        told = chains.get(chain, Chain()).status
        if told is not None and told != status:
            findings.add(Kind.CHANGED, f"approval {chain} is {status} in the records, and {told} in the audit")
    told_on = chains.get("control", Chain()).is_on
    is_on = switches(session).get("kill_switch")
    if told_on is not None and told_on != is_on:
        findings.add(
            Kind.CHANGED, f"the kill switch is {_state(is_on)} in the records, and {_state(told_on)} in the audit"
        )


def _state(is_on: bool | None) -> str:
    return "gone" if is_on is None else "on" if is_on else "off"


def tell_found(engine: Engine, found: Verified, *, by: str) -> None:
    """Put on record that the trail does not hold, so that whoever watches the audit's events hears of it."""
    sentences = [one.sentence for one in found.findings[:TOLD_ON_RECORD]]
    with transaction(engine) as session:
        details = {"found": sentences, "more": len(found.findings) - len(sentences) + found.untold}
        audit.record(session, audit.Event.TAMPERING_FOUND, actor=by, details=details)
