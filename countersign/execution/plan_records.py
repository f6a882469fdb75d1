"""The records' part of planning: which policy decides, the hold on the objects, and what was there before."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine

from countersign.errors import TargetHeld
from countersign.execution.probes import note_refused
from countersign.execution.services import Services
from countersign.records.database.engine import statements, transaction
from countersign.records.evidence import Seen, store_before
from countersign.records.holds import HeldBy, acquire
from countersign.records.owned import Owned
from countersign.records.policy_versions import PolicyMark, note_policy
from countersign.records.queries import get_execution
from countersign.targets.model import Resolution, Snapshot


def note_decided_by(services: Services, owned: Owned) -> PolicyMark | None:
    """Put on record by which policy the execution is decided, and return it. Raises StaleFence."""
    with statements(services.engine) as session:
        note_policy(session, owned, services.policy_mark)
    return services.policy_mark


def note_changed(services: Services, owned: Owned, noted: PolicyMark | None) -> PolicyMark | None:
    """Put on record that another policy than `noted` decides now, where it does, and return it. Raises StaleFence."""
    mark = services.mark_of(services.policy)
    if mark is None or mark == noted:
        return noted
    with statements(services.engine) as session:
        note_policy(session, owned, mark)
    return mark


def decided_by(engine: Engine, owned: Owned) -> PolicyMark | None:
    """Return by which policy an earlier owner decided, if it got that far."""
    with statements(engine) as session:
        row = get_execution(session, owned.execution_id)
    return None if row.policy_hash is None else PolicyMark(row.policy_number, row.policy_hash)


def hold(engine: Engine, owned: Owned, resolution: Resolution) -> HeldBy | None:
    """Take every object of `resolution` for this execution, or return who holds one of them."""
    with transaction(engine) as session:
        return acquire(session, owned, [ref.key for ref in resolution.refs])


def held(holder: HeldBy) -> TargetHeld:
    """Return the error of a run that waited for `holder` in vain."""
    return TargetHeld(
        f"{holder.target_key} is held by the execution of approval {holder.approval_id} (worker {holder.worker}).",
        hint="wait until that one has ended, then file the action again",
    )


def keep_before(engine: Engine, owned: Owned, before: Snapshot, *, asked: Mapping[str, Any] | None = None) -> None:
    """Put on record what was there before the effect. `asked` is what was asked beside the target (probes)."""
    seen = Seen.of(before.at, before.objects)
    if asked is None:
        with statements(engine) as session:
            store_before(session, owned.execution_id, seen)
        return
    with transaction(engine) as session:
        store_before(session, owned.execution_id, seen, verification=asked)
        note_refused(session, get_execution(session, owned.execution_id).approval_id, asked)
