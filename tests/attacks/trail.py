"""A trail to attack: executions that were sealed, the head that was kept, and what verification says of it."""

from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from countersign.audit.heads import read_head
from countersign.audit.notes import Sealer
from countersign.audit.sealing import Sealing
from countersign.audit.verifying import tell_found, verify
from countersign.records.audit_events import Event
from countersign.records.control import set_kill_switch
from countersign.records.database.engine import transaction
from countersign.records.journal import record_answer, record_intent
from countersign.records.outcomes import Outcome
from countersign.records.plans import store_plan
from countersign.records.settlement import settle
from countersign.records.states import Answer
from tests.records.builders import owned, unsealed

__all__ = ["Trail", "trail"]

APPROVAL_OF = text("SELECT approval_id FROM execution WHERE id = :id")
LAST_EVENT = text("SELECT event FROM audit_event ORDER BY id DESC LIMIT 1")


@dataclass
class Trail:
    """What the attacker finds, and what the defender has."""

    engine: Engine
    key: Sealer
    head_file: Path
    approvals: list[UUID] = field(default_factory=list)

    def executes(self) -> UUID:
        """Have one approval executed, and its rows sealed."""
        mine = owned(self.engine)
        with transaction(self.engine) as session:
            store_plan(session, mine, plan={"steps": ["restart"]}, plan_hash="h", plan_mac="m")
        with transaction(self.engine) as session:
            record_intent(session, mine, step="1", attempt=1, payload={"body": "restart"}, sealing=unsealed)
        with transaction(self.engine) as session:
            record_answer(session, mine, step="1", attempt=1, answer=Answer.LANDED, sealing=unsealed)
        with transaction(self.engine) as session:
            settle(session, mine, outcome=Outcome.FAILED, error="it broke", report={})
            approval: UUID = session.execute(APPROVAL_OF, {"id": mine.execution_id}).scalar_one()
        self.seals()
        self.approvals.append(approval)
        return approval

    def seals(self) -> None:
        """Seal what there is, as the worker does."""
        assert Sealing(self.engine, self.key, self.head_file).round() is not None

    def sentences(self, *, head: Path | None = None) -> list[str]:
        """Verify as `countersign audit verify` does; what is wrong is an audit event, too."""
        saved = read_head(head or self.head_file, self.key.verifier)
        found = verify(self.engine, verifier=self.key.verifier, saved=saved)
        if not found.holds:
            tell_found(self.engine, found, by="alice")
            with transaction(self.engine) as session:
                assert session.execute(LAST_EVENT).scalar_one() == Event.TAMPERING_FOUND
        return [one.sentence for one in found.findings]

    def says(self, *parts: str) -> bool:
        """Tell whether a sentence of a verification has all of these in it."""
        return any(all(part in sentence for part in parts) for sentence in self.sentences())


@pytest.fixture
def trail(engine: Engine, tmp_path: Path) -> Trail:
    """Three executions and a switch that was turned, sealed; nothing is wrong with them."""
    found = Trail(engine, Sealer(bytes(range(32))), tmp_path / "audit-head")
    for _ in range(3):
        found.executes()
    with transaction(engine) as session:
        set_kill_switch(session, False, by="alice", reason="the storm is over")
    found.seals()
    assert found.sentences() == []
    return found
