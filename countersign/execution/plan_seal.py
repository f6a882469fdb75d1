"""Seals on the plan, the journal and who gets in: whoever holds the database can make or change none unnoticed.

A seal is HMAC-SHA-256 with the key `records.key` of COUNTERSIGN_TRUST_DIR. A plan's binds it to its execution, and
to the one that it takes back, if it does. An entry's of the journal binds it to its execution and to the entry before
it, so that none can be changed, copied, moved or left out in between. What was cut from the journal's end is what the
audit finds.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session

from countersign.canonical import canonical_json, with_decimals
from countersign.errors import CountersignError, OutcomeUnknown, Tampered
from countersign.records import journal, refusals
from countersign.records.database.engine import statements, transaction
from countersign.records.outcomes import Outcome
from countersign.records.owned import Owned
from countersign.records.plans import StoredPlan, plan_of, store_plan
from countersign.records.queries import executions_of
from countersign.records.states import Answer, EntryKind
from countersign.records.tables import JournalEntry
from countersign.secret_files import make_key, read_secret_file
from countersign.targets.model import Plan, plan_from_json

KEY_FILE: Final = "records.key"
_PLAN: Final = "countersign/plan/v1"
_ROLLBACK: Final = "countersign/rollback-plan/v1"
_ENTRY: Final = "countersign/journal/v1"
_ACCESS: Final = "countersign/access/v1"
_WEBHOOK: Final = "countersign/webhook/v1"
_WEBHOOK_SECRET: Final = "countersign/webhook-secret/v1"  # noqa: S105  (what it is made for)
_CHAT: Final = "countersign/chat/v1"
_CHAT_TOKEN: Final = "countersign/chat-token/v2"  # noqa: S105  (what it is made for)
_CHAT_SECRET: Final = "countersign/chat-secret/v1"  # noqa: S105
_BREAK_GLASS: Final = "countersign/break-glass/v1"
_FIRST: Final = ""
_HINT: Final = "nothing is sent; find out who writes to the database, and look at the target"


@dataclass(frozen=True, repr=False)
class Seal:
    """The key with which plans and journals are sealed."""

    key: bytes

    def of_plan(self, execution_id: UUID, plan_hash: str, *, rolls_back: UUID | None = None) -> str:
        """Return the seal of a plan as hexadecimal digits: an approval's own, or one that takes an execution back.

        A rollback's plan is not asked whether it comes of a signed operation, so no other may pass for one.
        """
        if rolls_back is not None:
            return self._mac([_ROLLBACK, str(execution_id), str(rolls_back), plan_hash])
        return self._mac([_PLAN, str(execution_id), plan_hash])

    def of_entry(self, entry: Mapping[str, Any], *, previous: str) -> str:
        """Return the seal of a journal entry behind the one with the seal `previous` ("" for the first)."""
        return self._mac([_ENTRY, with_decimals(entry), previous])

    def of_access(self, facts: Mapping[str, Any]) -> str:
        """Return the seal of a token, a code or a session: of who is let in, how long, and by what that is shown."""
        return self._mac([_ACCESS, with_decimals(facts)])

    def of_webhook(self, facts: Mapping[str, Any]) -> str:
        """Return the seal of a webhook or a source: of where it leads, what it is told, whose requests it brings."""
        return self._mac([_WEBHOOK, with_decimals(facts)])

    def webhook_secret(self, webhook_id: UUID, version: int) -> bytes:
        """Return a webhook's or a source's secret. It is made anew each time, and kept nowhere."""
        return bytes.fromhex(self._mac([_WEBHOOK_SECRET, str(webhook_id), version]))

    def of_chat(self, facts: Mapping[str, Any]) -> str:
        """Return the seal of a message in a chat or of a click: of what was shown where, of who clicked on what."""
        return self._mac([_CHAT, with_decimals(facts)])

    def chat_token(self, facts: Mapping[str, Any]) -> bytes:
        """Return what shows that a button was made for this: which message, which choice, which request as shown.

        It is made anew each time, and kept nowhere.
        """
        return bytes.fromhex(self._mac([_CHAT_TOKEN, with_decimals(facts)]))[:16]

    def chat_secret(self, service: str) -> str:
        """Return what a service that signs nothing shows with its requests."""
        return self._mac([_CHAT_SECRET, service])

    def of_break_glass(self, facts: Mapping[str, Any]) -> str:
        """Return the seal of a break-glass: of what is lifted where, for how long, and by whom."""
        return self._mac([_BREAK_GLASS, with_decimals(facts)])

    def plan(self, execution_id: UUID, stored: StoredPlan) -> Plan:
        """Return the plan, if this is what was sealed. Raises Tampered."""
        try:
            plan = plan_from_json(stored.plan)
            plan_hash = plan.hash
        except (KeyError, TypeError, AttributeError, ValueError):
            plan, plan_hash = None, ""
        expected = self.of_plan(execution_id, plan_hash, rolls_back=stored.rolls_back)
        genuine = hmac.compare_digest(expected, stored.plan_mac or "")
        if plan is None or plan_hash != stored.plan_hash or not genuine:
            raise Tampered(
                f"The plan of execution {execution_id} is not one that Countersign made for it.",
                hint=_HINT,
                of="plan",
            )
        return plan

    def head(self, execution_id: UUID, entries: Sequence[JournalEntry]) -> str:
        """Return the last entry's seal, if all are genuine and in their order. Raises Tampered."""
        previous = _FIRST
        for entry in entries:
            expected = self.of_entry(_facts(entry), previous=previous)
            if not hmac.compare_digest(expected, entry.mac or ""):
                raise Tampered(
                    f"The journal of execution {execution_id} is not as Countersign wrote it, from the {entry.kind} "
                    f"of {entry.step} on.",
                    hint=_HINT,
                    of="journal",
                )
            previous = expected
        return previous

    def _mac(self, value: list[Any]) -> str:
        return hmac.digest(self.key, canonical_json(value).encode("utf-8"), hashlib.sha256).hex()


class SealedJournal:
    """One execution's journal as its owner writes it: each entry carries on from the one before."""

    def __init__(self, engine: Engine, seal: Seal, owned: Owned) -> None:
        self._engine = engine
        self._seal = seal
        self._owned = owned
        self._head: str | None = None

    def read(self) -> Sequence[JournalEntry]:
        """Return all entries. Raises Tampered."""
        with statements(self._engine) as session:
            found = journal.entries(session, self._owned.execution_id)
        self._head = self._seal.head(self._owned.execution_id, found)
        return found

    def intend(
        self,
        *,
        step: str,
        attempt: int,
        payload: Mapping[str, Any],
        lease_needed_seconds: float,
        expires: bool,
    ) -> int:
        """Put an intent on record and return the entry's number. Raises what journal.record_intent raises."""

        def write(session: Session, sealed: journal.Sealing) -> int:
            return journal.record_intent(
                session,
                self._owned,
                step=step,
                attempt=attempt,
                payload=payload,
                lease_needed_seconds=lease_needed_seconds,
                expires=expires,
                sealing=sealed,
            )

        return self._write(write)

    def answer(self, *, step: str, attempt: int, answer: Answer, detail: Mapping[str, Any]) -> int:
        """Put on record what became of a step, and return the entry's number. Raises StaleFence."""

        def write(session: Session, sealed: journal.Sealing) -> int:
            return journal.record_answer(
                session, self._owned, step=step, attempt=attempt, answer=answer, detail=detail, sealing=sealed
            )

        return self._write(write)

    def _write(self, write: Any) -> int:
        if self._head is None:
            self.read()
        previous, made = self._head or _FIRST, ""

        def sealed(entry: Mapping[str, Any]) -> str:
            nonlocal made
            made = self._seal.of_entry(entry, previous=previous)
            return made

        # Where it is not known whether the entry was committed, the next one reads the journal again.
        self._head = None
        with transaction(self._engine) as session:
            number: int = write(session, sealed)
        self._head = made
        return number


def read_seal(folder: Path | None) -> Seal:
    """Return the seal of this installation. Raises ConfigurationError where its key cannot be read."""
    return Seal(read_secret_file(folder, KEY_FILE))


def make_seal(folder: Path) -> Seal:
    """Return the seal of this installation, made where there is none yet. Raises ConfigurationError."""
    return Seal(make_key(folder, KEY_FILE))


def stored_plan(engine: Engine, seal: Seal, execution_id: UUID) -> Plan | None:
    """Return the plan that is on record, None before there is one. Raises Tampered."""
    with statements(engine) as session:
        stored = plan_of(session, execution_id)
    return None if stored is None else seal.plan(execution_id, stored)


def store(engine: Engine, seal: Seal, owned: Owned, plan: Plan) -> Plan:
    """Put `plan` on record and return the one that counts: an earlier one, where a request of it may have left.

    Raises StaleFence, Tampered.
    """
    mac = seal.of_plan(owned.execution_id, plan.hash)
    with transaction(engine) as session:
        stored = store_plan(session, owned, plan=plan.to_json(), plan_hash=plan.hash, plan_mac=mac)
    return seal.plan(owned.execution_id, stored)


def require_nothing_sent_before(engine: Engine, seal: Seal, approval_id: UUID) -> None:
    """Raise unless the journals of the tries that were put off are as they were written, and say that nothing left.

    Raises OutcomeUnknown, DatabaseUnavailable: an execution that somebody calls put off, and that was not, must not
    have its action sent a second time.
    """
    with statements(engine) as session:
        earlier = [row.id for row in executions_of(session, approval_id) if row.outcome is Outcome.POSTPONED]
        journals = {execution_id: journal.entries(session, execution_id) for execution_id in earlier}
    for execution_id, written in journals.items():
        try:
            seal.head(execution_id, written)
        except Tampered as found:
            refusals.tell(engine, found, approval_id=approval_id)
            raise disbelieved(engine, execution_id, found) from None
        kept_back = sum(entry.answer is Answer.NOT_SENT for entry in written)
        if sum(entry.kind is EntryKind.INTENT for entry in written) > kept_back:
            raise OutcomeUnknown(f"Execution {execution_id} is said to be put off, and requests of it may have left.")


def disbelieved(engine: Engine, execution_id: UUID, tampered: Tampered) -> CountersignError:
    """Return how a run ends whose plan or journal is not as it was written: nobody can tell what was sent."""
    with statements(engine) as session:
        written = journal.entries(session, execution_id)
    return OutcomeUnknown(f"{tampered.message} Requests may have left.") if written else tampered


def _facts(entry: JournalEntry) -> dict[str, Any]:
    return journal.facts(
        Owned(entry.execution_id, entry.fence),
        kind=entry.kind,
        step=entry.step,
        attempt=entry.attempt,
        answer=entry.answer,
        payload=entry.payload,
    )
