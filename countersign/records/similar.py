"""Requests like another one that were executed: the same operation on the same target, then on its kind."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

WALKED = 50
"""Requests of each of the two sorts that are looked at, the newest, for those that were executed."""

_OPERATION = "coalesce({}.parameters ->> 'operation', {}.target ->> 'tool')"
_SAME_OPERATION = f"{_OPERATION.format('other', 'other')} = {_OPERATION.format('mine', 'mine')}"

# By two bounded walks (ix_approval_target_operation, ix_approval_kind_operation). What was put off has not ended.
SIMILAR = text(f"""
    WITH mine AS MATERIALIZED (SELECT id, target, parameters FROM approval WHERE id = :approval_id),
    walked AS (
        (SELECT other.id, other.created_at, 0 AS farther FROM mine, approval AS other
         WHERE other.target IS NOT NULL AND md5(other.target::text) = md5(mine.target::text) AND {_SAME_OPERATION}
         ORDER BY other.created_at DESC LIMIT :walked)
        UNION ALL
        (SELECT other.id, other.created_at, 1 FROM mine, approval AS other
         WHERE other.target IS NOT NULL AND (other.target ->> 'kind') = (mine.target ->> 'kind') AND {_SAME_OPERATION}
         ORDER BY other.created_at DESC LIMIT :walked)
    )
    SELECT id FROM walked
    WHERE id <> :approval_id AND EXISTS (
        SELECT FROM execution
        WHERE approval_id = walked.id AND NOT dry_run AND rolls_back IS NULL AND outcome IS DISTINCT FROM 'postponed'
          AND settled_at IS NOT NULL
    )
    GROUP BY id, created_at ORDER BY min(farther), created_at DESC LIMIT :limit
""")  # noqa: S608 - constants of this module


def similar_executed(session: Session, approval_id: UUID, *, limit: int = 8) -> Sequence[UUID]:
    """Return requests like this one that were executed, those on the same target first, then the newest first."""
    asked = {"approval_id": approval_id, "walked": WALKED, "limit": limit}
    return list(session.execute(SIMILAR, asked).scalars())
