"""The sealer: takes committed rows into the tree and signs its head. One at a time, whoever runs it.

A row is taken as soon as it is committed and seen, in the order of ids, so rows of a chain keep their order. Which
rows are not in the tree is asked of the tree itself, so one whose transaction commits late is taken late and never
left out. Only to not ask this of all rows for ever, rows up to `settled` are known to be final: once every
transaction that had a number when row N was seen has ended, no row up to N can still appear.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import Session

from countersign.audit.heads import put_aside, read_head, read_note, write_head
from countersign.audit.notes import Checkpoint, Sealer, Verifier, hand_over, open_checkpoint, open_note
from countersign.audit.tiles import StoredHashes, tiles_among
from countersign.audit.tree import EMPTY_ROOT, Growing, root
from countersign.errors import Tampered
from countersign.records import audit
from countersign.records.audit_tree import (
    Head,
    add_head,
    add_leaves,
    add_tiles,
    become_sealer,
    last_head,
    lowest_running,
    newest_event,
    own_number,
    unsealed,
)
from countersign.records.database.engine import transaction

BATCH = 5_000
"""Rows for one signature and one transaction."""


@dataclass(frozen=True)
class Sealed:
    """What a round did."""

    rows: int
    size: int
    """The tree's leaves now."""
    note: str | None
    """The newest head, None where the tree is empty."""


@dataclass(frozen=True)
class _Watched:
    """A row that was seen, and the number that every transaction had by then is below."""

    event_id: int
    number: int


class Sealing:
    """The sealer of one process. What it keeps in memory can be lost."""

    def __init__(
        self, engine: Engine, sealer: Sealer, head_file: Path, *, reread: Callable[[str], Sealer] | None = None
    ) -> None:
        """`reread` looks again for the key that has signed a head: it may have been rotated meanwhile."""
        self.engine = engine
        self._sealer = sealer
        self._reread = reread
        self._head_file = head_file
        self._tree: Growing | None = None
        self._root = EMPTY_ROOT
        self._watched: _Watched | None = None
        self._settled = 0

    def round(self) -> Sealed | None:
        """Seal what is committed; None where another process is the sealer at this moment.

        Raises Tampered, and seals nothing, where the records are not what the saved head is about.
        """
        rows = 0
        while True:
            with transaction(self.engine) as session:
                if not become_sealer(session):
                    return None
                head = self._current(session)
                final = self._final(session)
                found = unsealed(session, settled=self._settled, limit=BATCH)
                if len(found) < BATCH:
                    self._settled = final
                if found:
                    head = self._seal(session, found)
                    rows += len(found)
            if head is not None and read_note(self._head_file) != head.note:
                write_head(self._head_file, head.note)
            if len(found) < BATCH:
                return Sealed(rows, head.size if head else 0, head.note if head else None)

    def resume(self, *, by: str, reason: str) -> Path | None:
        """Go on after the records were restored from a copy older than the saved head, and put that on record.

        The saved head is kept beside the new one; returns where, None where there was none.
        """
        saved = read_note(self._head_file)
        with transaction(self.engine) as session:
            audit.record(session, audit.Event.SEAL_RESUMED, actor=by, details={"reason": reason, "head": saved})
        return None if saved is None else put_aside(self._head_file)

    def hand_over(self, to: Sealer, *, by: str, reason: str, keep: Callable[[str], None]) -> Head | None:
        """Have `to` seal from here on, beginning with the row that says so; return its first head, None where another
        process is the sealer at this moment.

        `keep` keeps the note that both keys have signed outside the database, before it is on record. Raises what
        `round` raises.
        """
        with transaction(self.engine) as session:
            if not become_sealer(session):
                return None
            head = self._current(session)
            size, root_then = (head.size, head.root) if head else (0, EMPTY_ROOT)
            note = hand_over(self._sealer, to, size=size, root=root_then)
            keep(note)
            details = {"note": note, "reason": reason, "old": str(self._sealer.verifier), "new": str(to.verifier)}
            audit.record(session, audit.Event.KEY_ROTATED, actor=by, details=details)
            self._sealer = to
            found: Sequence[tuple[int, bytes]] = ()
            while not found or len(found) == BATCH:
                found = unsealed(session, settled=self._settled, limit=BATCH)
                if found:
                    head = self._seal(session, found)
        assert head is not None
        write_head(self._head_file, head.note)
        return head

    def _current(self, session: Session) -> Head | None:
        """Return the newest head, with its tree in memory."""
        head = last_head(session)
        size, wanted = (head.size, head.root) if head else (0, EMPTY_ROOT)
        if head is not None:
            # Who holds the records can add a head of her own, which must not become the saved one.
            self._require_ours(head.note)
        if self._tree is None or (self._tree.size, self._root) != (size, wanted):
            self._tree = Growing(size, StoredHashes(session))
            self._root = self._tree.root
            self._settled, self._watched = head.settled if head else 0, None
            if self._root != wanted:
                raise Tampered(
                    f"the audit's tree is not what its checkpoint of {size} rows says",
                    hint="`countersign audit verify` names what was changed",
                )
        self._refuse_older(session, head)
        return head

    def _require_ours(self, note: str) -> None:
        try:
            open_note(note, self._sealer.verifier)
        except Tampered:
            if _signed_before(note, self._sealer.verifier):
                return  # as in a copy from before the key was rotated
            if self._reread is None:
                raise
            self._sealer = self._reread(note)
            open_note(note, self._sealer.verifier)

    def _refuse_older(self, session: Session, head: Head | None) -> None:
        saved = read_head(self._head_file, self._sealer.verifier)
        if saved is None or (head is not None and (saved.size, saved.root) == (head.size, head.root)):
            return
        check_grown(session, saved, 0 if head is None else head.size)

    def _seal(self, session: Session, found: Sequence[tuple[int, bytes]]) -> Head:
        assert self._tree is not None
        tree, self._tree = self._tree, None  # until it is stored
        add_leaves(session, tree.size, found)
        add_tiles(session, tiles_among(node for _, leaf in found for node in tree.append(leaf)))
        head = Head(tree.size, tree.root, self._sealer.sign(tree.size, tree.root), self._settled)
        add_head(session, head)
        # A commit that fails leaves the database with another size or root than these: the tree is read again then.
        self._tree, self._root = tree, head.root
        return head

    def _final(self, session: Session) -> int:
        """Return the highest id up to which every row there will ever be can be seen from now on."""
        if self._watched is None:
            # In this order: the number is made after the row was seen.
            newest = newest_event(session)
            if newest > self._settled:
                self._watched = _Watched(newest, own_number(session))
        elif lowest_running(session) >= self._watched.number:
            final, self._watched = self._watched.event_id, None
            return final
        elif own_number(session) < self._watched.number:
            self._watched = None  # another server, whose numbers are its own
        return self._settled


def _signed_before(note: str, verifier: Verifier) -> bool:
    try:
        return open_checkpoint(note, replace(verifier, successor=None)).origin != verifier.name
    except Tampered:
        return False


def check_grown(session: Session, saved: Checkpoint, size: int) -> None:
    """Raise Tampered unless the tree of `size` leaves has grown from the saved head."""
    if saved.size > size:
        raise Tampered(
            f"the audit has {size} sealed rows, and had {saved.size} when the head was saved",
            hint="rows were cut off, or an older copy of the database was restored; "
            "`countersign audit verify` says more, `countersign audit resume --reason WHY` goes on after a restore",
        )
    try:
        found = root(StoredHashes(session), saved.size)
    except KeyError:
        found = b""
    if found != saved.root:
        raise Tampered(
            f"the first {saved.size} rows of the audit are not those that the saved head is about",
            hint="`countersign audit verify` says more",
        )
