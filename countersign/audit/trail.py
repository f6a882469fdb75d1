"""Reads the trail once, in the order of the tree, and checks every row, chain, leaf and signed head on the way."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row as Record

from countersign.audit.findings import Findings, Kind
from countersign.audit.notes import Checkpoint, Verifier, open_checkpoint
from countersign.audit.rows import NO_ROW, Row
from countersign.audit.tree import Growing
from countersign.errors import Tampered
from countersign.records.audit_events import Event


@dataclass(frozen=True, slots=True)
class Chain:
    """How far a chain was read."""

    position: int = 0
    hash: bytes = NO_ROW
    status: str | None = None
    """The approval's status as the last row that told one says."""
    is_on: bool | None = None
    """The switch's."""


class Trail:
    """The reading of one trail."""

    def __init__(self, heads: Iterator[Record[Any]], verifier: Verifier | None, saved: Checkpoint | None) -> None:
        self.findings = Findings()
        self.chains: dict[str, Chain] = {}
        self.tree = Growing()
        self.rows = self.heads = self.waiting = 0
        self._leaves = 0
        self._last_good = 0
        self._verifier = verifier
        self._saved = saved
        self._handed_over = {} if verifier is None else {each.size: each.root for each in verifier.earlier}
        self._stored = heads
        self._next = next(heads, None)
        self._newest: Record[Any] | None = None
        self._adopted_last = 0
        self._other_first: int | None = None

    def read(self, records: Iterable[Record[Any]]) -> None:
        """Read every row; `records` are those of countersign.records.audit_tree.everything."""
        for record in records:
            row = None if record.id is None else row_of(record)
            if record.leaf_index is not None:
                self._leaf(record, row)
            if row is not None:
                self._row(row)
                if record.leaf_index is None:
                    self._unsealed(row)
        self._end()

    def _leaf(self, record: Record[Any], row: Row | None) -> None:
        if record.leaf_index != self._leaves:
            missing = _span(self._leaves, record.leaf_index - 1)
            self.findings.add(Kind.REMOVED, f"leaves {missing} are missing from the tree")
        if row is None:
            self.findings.add(
                Kind.REMOVED, f"row {record.event_id} was removed; it is leaf {record.leaf_index} of the tree"
            )
        elif row.hash != record.leaf_hash:
            self.findings.add(Kind.CHANGED, f"{_name(row)} was replaced after it was sealed")
        self._leaves = record.leaf_index + 1
        self.tree.append(record.leaf_hash)
        self._check_heads()

    def _row(self, row: Row) -> None:
        self.rows += 1
        if not row.is_as_written:
            self.findings.add(Kind.CHANGED, f"{_name(row)} was changed after it was written")
        self._watch_adopted(row)
        before = self.chains.get(row.chain, Chain())
        if row.position > before.position + 1:
            missing = _span(before.position + 1, row.position - 1)
            self.findings.add(Kind.REMOVED, f"rows {missing} of {_chain(row.chain)} are missing before row {row.id}")
        elif row.position <= before.position:
            self.findings.add(Kind.REORDERED, f"{_name(row)} stands after row {before.position} of its chain")
        elif row.previous != before.hash:
            self.findings.add(Kind.CHANGED, f"{_name(row)} does not follow the row before it, which was changed")
        status, is_on = _told(row.details)
        self.chains[row.chain] = Chain(
            row.position,
            row.hash,
            status if status is not None else before.status,
            is_on if is_on is not None else before.is_on,
        )

    def _watch_adopted(self, row: Row) -> None:
        if row.event == Event.RECORD_ADOPTED:
            self._adopted_last = max(self._adopted_last, row.id)
        elif self._other_first is None or row.id < self._other_first:
            self._other_first = row.id

    def _unsealed(self, row: Row) -> None:
        self.waiting += 1
        settled = 0 if self._newest is None else int(self._newest.settled)
        if row.id <= settled:
            self.findings.add(Kind.UNCHAINED, f"{_name(row)} was put in beside the sealer, later than it claims")

    def _check_heads(self) -> None:
        saved = self._saved
        if saved is not None and saved.size == self.tree.size and saved.root != self.tree.root:
            sentence = f"the first {saved.size} rows are not those that the saved head was signed for"
            self.findings.add(Kind.HEAD, sentence)
        if self._handed_over.get(self.tree.size, self.tree.root) != self.tree.root:
            sentence = f"the first {self.tree.size} rows are not those that a replaced sealing key handed over"
            self.findings.add(Kind.HEAD, sentence)
        while self._next is not None and self._next.size <= self.tree.size:
            self._check_head(self._next)
            self._newest, self._next = self._next, next(self._stored, None)

    def _check_head(self, head: Record[Any]) -> None:
        self.heads += 1
        if self._verifier is not None and not _is_signed(head, self._verifier):
            sentence = f"the checkpoint of {head.size} rows is forged: it is not signed by {self._verifier.name}"
            self.findings.add(Kind.HEAD, sentence)
            return
        if head.root == self.tree.root:
            self._last_good = head.size
            return
        self.findings.add(
            Kind.CHANGED,
            f"leaves {_span(self._last_good, head.size - 1)}: rows were changed together with their hashes; "
            f"the checkpoint of {head.size} rows was signed for others",
        )

    def _end(self) -> None:
        if self._other_first is not None and self._other_first < self._adopted_last:
            self.findings.add(
                Kind.UNCHAINED,
                f"row {self._adopted_last} says that a record is older than the audit; the audit had begun by then",
            )
        if self._next is not None:
            self.findings.add(
                Kind.CUT,
                f"the end was cut off: a checkpoint tells of {self._next.size} rows, {self.tree.size} are left",
            )
        if self._newest is not None and self._newest.size < self.tree.size:
            self.findings.add(
                Kind.HEAD, f"no checkpoint tells of leaves {_span(self._newest.size, self.tree.size - 1)}"
            )
        if self._newest is None and self.tree.size:
            self.findings.add(Kind.HEAD, f"no checkpoint tells of the {self.tree.size} leaves of the tree")
        if self._saved is not None and self._saved.size > self.tree.size:
            self.findings.add(
                Kind.CUT,
                f"the end was cut off, or an older copy restored: the saved head tells of {self._saved.size} rows, "
                f"{self.tree.size} are sealed here",
            )


def row_of(record: Record[Any]) -> Row:
    """Return the audit row of a record that was read with its columns."""
    return Row(
        record.id,
        record.chain,
        record.position,
        record.event,
        record.actor,
        record.about,
        record.details,
        record.at,
        record.previous,
        record.hash,
    )


def _is_signed(head: Record[Any], verifier: Verifier) -> bool:
    try:
        signed = open_checkpoint(head.note, verifier)
    except Tampered:
        return False
    return (signed.size, signed.root) == (head.size, head.root)


def _told(details: str) -> tuple[str | None, bool | None]:
    if '"status"' not in details and '"is_on"' not in details:
        return None, None
    try:
        found = json.loads(details)
    except ValueError:
        return None, None
    return found.get("status"), found.get("is_on")


def _name(row: Row) -> str:
    return f"row {row.id} ({row.event}, number {row.position} of {_chain(row.chain)})"


def _chain(chain: str) -> str:
    return f"approval {chain}" if chain.count("-") == 4 else f"chain {chain}"


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"
