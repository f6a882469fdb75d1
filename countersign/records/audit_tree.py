"""What is stored of the sealed tree, and which rows are not in it yet."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, LargeBinary, Row, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Session

# Any constant will do, as long as nobody else uses it in this database ("auditsea" in ASCII).
LOCK_KEY = 0x6175646974736561

# Be the sealer until the end of the transaction, unless somebody else is.
LOCK = text("SELECT pg_try_advisory_xact_lock(:key)")

# The newest head.
LAST = text("SELECT size, root, note, settled, at FROM audit_checkpoint ORDER BY size DESC LIMIT 1")

# Rows that have been committed and are not in the tree, in the order of their chains: a row has a higher id than the
# one it follows, and is not seen without it. Up to `settled` there is none.
UNSEALED = text("""
    SELECT event.id, event.hash FROM audit_event AS event
    WHERE event.id > :settled AND NOT EXISTS (SELECT FROM audit_leaf WHERE event_id = event.id)
    ORDER BY event.id LIMIT :limit
""")

# The newest row that has been committed.
NEWEST = text("SELECT coalesce(max(id), 0) FROM audit_event")

# This transaction's number, higher than that of every one that had a number before.
OWN_NUMBER = text("SELECT pg_current_xact_id()::text::bigint")

# Every transaction with a lower number has ended.
LOWEST_RUNNING = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")

_NUMBERS = ARRAY(BigInteger())
_HASHES = ARRAY(LargeBinary())

# Give rows their places.
ADD_LEAVES = text("""
    INSERT INTO audit_leaf (leaf_index, event_id, hash)
    SELECT :first + place - 1, event_id, hash
    FROM unnest(CAST(:ids AS bigint[]), CAST(:hashes AS bytea[])) WITH ORDINALITY AS leaf (event_id, hash, place)
""").bindparams(bindparam("ids", type_=_NUMBERS), bindparam("hashes", type_=_HASHES))

ADD_TILE = text("INSERT INTO audit_tile (level, tile_index, hash) VALUES (:level, :tile_index, :hash)")

ADD_CHECKPOINT = text("""
    INSERT INTO audit_checkpoint (size, root, note, settled) VALUES (:size, :root, :note, :settled)
""")

# The hashes of leaves side by side.
LEAVES = text("SELECT hash FROM audit_leaf WHERE leaf_index >= :first AND leaf_index < :end ORDER BY leaf_index")

# The hashes of complete subtrees side by side.
TILES = text("""
    SELECT hash FROM audit_tile WHERE level = :level AND tile_index >= :first AND tile_index < :end
    ORDER BY tile_index
""")

_ROW = "event.id, chain, position, event, actor, about, details::text AS details, at, previous, event.hash"

# All rows in the order of the tree, those that are not in it last, and leaves whose row is gone.
EVERYTHING = text(f"""
    SELECT leaf_index, leaf.event_id, leaf.hash AS leaf_hash, {_ROW}
    FROM audit_leaf AS leaf FULL JOIN audit_event AS event ON event.id = leaf.event_id
    ORDER BY leaf_index NULLS LAST, event.id
""")  # noqa: S608 - a constant of this module

# A chain's rows, with their places in the tree.
CHAIN = text(f"""
    SELECT leaf_index, leaf.event_id, leaf.hash AS leaf_hash, {_ROW}
    FROM audit_event AS event LEFT JOIN audit_leaf AS leaf ON event.id = leaf.event_id
    WHERE chain = :chain ORDER BY position
""")  # noqa: S608 - a constant of this module

# The newest rows first, of all chains, from before a row on.
NEWEST_ROWS = text(f"""
    SELECT leaf_index, leaf.event_id, leaf.hash AS leaf_hash, {_ROW}
    FROM audit_event AS event LEFT JOIN audit_leaf AS leaf ON event.id = leaf.event_id
    WHERE event.event LIKE :like AND event.id < coalesce(CAST(:before AS bigint), 9223372036854775807)
    ORDER BY event.id DESC LIMIT :limit
""")  # noqa: S608 - a constant of this module

# Heads in their order.
CHECKPOINTS = text("SELECT size, root, note, settled, at FROM audit_checkpoint ORDER BY size")

# What both keys have signed where one took the other's place.
ROTATIONS = text(r"""
    SELECT details ->> 'note' AS note FROM audit_event
    WHERE chain = 'audit' AND event = 'audit\:key\:rotated' ORDER BY position
""")

# How many rows wait for the sealer, and since when the oldest of them does.
WAITING = text("""
    SELECT count(*) AS rows, extract(epoch FROM clock_timestamp() - min(at))::float AS seconds
    FROM audit_event AS event
    WHERE event.id > :settled AND NOT EXISTS (SELECT FROM audit_leaf WHERE event_id = event.id)
""")


@dataclass(frozen=True)
class Head:
    """A stored checkpoint."""

    size: int
    root: bytes
    note: str
    settled: int


def become_sealer(session: Session) -> bool:
    """Be the only sealer until the transaction ends; False where somebody else is."""
    return bool(session.execute(LOCK, {"key": LOCK_KEY}).scalar_one())


def last_head(session: Session) -> Head | None:
    """Return the newest checkpoint, None before the first."""
    row = session.execute(LAST).one_or_none()
    return None if row is None else Head(row.size, row.root, row.note, row.settled)


def unsealed(session: Session, *, settled: int, limit: int) -> Sequence[tuple[int, bytes]]:
    """Return id and hash of the rows beyond `settled` that are not in the tree, in their order."""
    return [(row.id, row.hash) for row in session.execute(UNSEALED, {"settled": settled, "limit": limit})]


def newest_event(session: Session) -> int:
    """Return the highest id that is committed, 0 where there is none."""
    return int(session.execute(NEWEST).scalar_one())


def own_number(session: Session) -> int:
    """Return this transaction's number, made now unless it has one."""
    return int(session.execute(OWN_NUMBER).scalar_one())


def lowest_running(session: Session) -> int:
    """Return the number below which every transaction has ended."""
    return int(session.execute(LOWEST_RUNNING).scalar_one())


def add_leaves(session: Session, first: int, leaves: Sequence[tuple[int, bytes]]) -> None:
    """Put rows into the tree, from place `first`."""
    ids, hashes = [leaf[0] for leaf in leaves], [leaf[1] for leaf in leaves]
    session.execute(ADD_LEAVES, {"first": first, "ids": ids, "hashes": hashes})


def add_tiles(session: Session, tiles: Sequence[tuple[int, int, bytes]]) -> None:
    """Store complete subtrees: level, index, hash."""
    if tiles:
        session.execute(ADD_TILE, [dict(zip(("level", "tile_index", "hash"), tile, strict=True)) for tile in tiles])


def add_head(session: Session, head: Head) -> None:
    """Store a checkpoint."""
    session.execute(
        ADD_CHECKPOINT, {"size": head.size, "root": head.root, "note": head.note, "settled": head.settled}
    )


def hashes_between(session: Session, tier: int, first: int, end: int) -> list[bytes]:
    """Return the hashes of leaves (tier 0) or complete subtrees of 256^tier leaves, from `first` up to `end`."""
    if tier == 0:
        return list(session.execute(LEAVES, {"first": first, "end": end}).scalars())
    return list(session.execute(TILES, {"level": tier, "first": first, "end": end}).scalars())


def everything(session: Session) -> Iterator[Row[Any]]:
    """Return every row and every leaf, streamed."""
    return iter(session.execute(EVERYTHING, execution_options={"yield_per": 5_000}))


def heads(session: Session) -> Iterator[Row[Any]]:
    """Return every checkpoint in its order, streamed."""
    return iter(session.execute(CHECKPOINTS, execution_options={"yield_per": 5_000}))


def chain_rows(session: Session, chain: str) -> Sequence[Row[Any]]:
    """Return the rows of a chain in their order."""
    return session.execute(CHAIN, {"chain": chain}).all()


def rotation_notes(session: Session) -> Sequence[str]:
    """Return the notes of all rotations of the sealing key, the oldest first."""
    return [note for note in session.execute(ROTATIONS).scalars() if note is not None]


def newest_rows(
    session: Session, *, like: str = "%", before: int | None = None, limit: int = 50
) -> Sequence[Row[Any]]:
    """Return rows of every chain, the newest first; `like` is a pattern of LIKE for the event, and `before` the row
    where the page above ended.
    """
    return session.execute(NEWEST_ROWS, {"like": like, "before": before, "limit": limit}).all()


def beginning_with(event: str) -> str:
    """Return the pattern of LIKE for events that begin so."""
    return re.sub(r"([\\%_])", r"\\\1", event) + "%"


def waiting_rows(session: Session) -> tuple[int, float]:
    """Return how many rows the sealer has not taken yet, and for how many seconds the oldest has waited."""
    head = last_head(session)
    row = session.execute(WAITING, {"settled": head.settled if head else 0}).one()
    return row.rows, row.seconds or 0.0
