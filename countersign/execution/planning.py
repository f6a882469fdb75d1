"""The records' part of planning: the exclusive hold on the objects, and what was there before."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine

from countersign.errors import TargetHeld
from countersign.records.database import transaction
from countersign.records.evidence import Seen, store_before
from countersign.records.holds import HeldBy, acquire
from countersign.records.owned import Owned
from countersign.targets.model import Resolution, Snapshot


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
    with transaction(engine) as session:
        store_before(session, owned.execution_id, Seen.of(before.at, before.objects), verification=asked)
