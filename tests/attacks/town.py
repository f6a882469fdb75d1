"""The office with its policy on record: administrators who put it in force, and workers that read it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from countersign.errors import CountersignError, PolicyNotTrusted
from countersign.policy.keys import public_text
from countersign.records.database.engine import transaction
from tests.execution.conftest import Office
from tests.policy.board import Board, board

# Nothing sends it: the cluster is shared, and what is there already is not sent.
ACTION = "kubectl annotate deployment/api note=seen -n prod --overwrite"
MALLORY = Ed25519PrivateKey.from_private_bytes(b"m" * 32)
MALLORYS = f"four_eyes: false\nsigners:\n  - name: mallory\n    ed25519: {public_text(MALLORY.public_key())}\n"
"""The policy that an attacker would like: his own key as the only one."""
TOLD = text("SELECT details ->> 'found' FROM audit_event WHERE event = 'tampering:policy:refused'")


@dataclass(frozen=True)
class Town:
    """An office whose policy is on record."""

    office: Office
    board: Board

    def worker(self) -> Office:
        """Return the office of a worker that starts now. Raises what reading the policy raises."""
        source = self.board.source()
        found = source.read()
        services = replace(
            self.office.services,
            policy=found.policy,
            policy_mark=found.mark,
            reread_policy=lambda: source.read().policy,
            mark_of=source.mark_of,
        )
        return replace(self.office, services=services)

    def nothing_runs(self, warm: Office, approval_id: UUID, *, said: str) -> None:
        """See that neither a worker that was there before nor a new one sends anything, and that each says why."""
        with pytest.raises(PolicyNotTrusted) as caught:
            self.worker()
        assert said in caught.value.message
        assert caught.value.hint
        answer = self.refusal(warm, approval_id)
        assert said in answer or "which was in force, is not on record any more" in answer
        with transaction(self.board.engine) as session:
            found = session.execute(TOLD).scalars().all()
        assert any(said in one for one in found)

    def refusal(self, office: Office, approval_id: UUID) -> str:
        """Execute, see that nothing was sent, and return what was said."""
        self.office.cluster.log.clear()
        try:
            report = office.run(approval_id)
        except CountersignError as error:
            message = error.message
        else:
            assert not report.success
            message = report.message
        assert not self.office.cluster.log.mutations()
        return message


Build = Callable[..., Town]


@pytest.fixture
def build(office: Office, tmp_path: Path) -> Build:
    """Makes a town with these administrators; ann alone unless said."""

    def made(*names: str, quorum: int = 1) -> Town:
        town = Town(office, board(office.services.engine, tmp_path / "trust", *names, quorum=quorum))
        town.board.put_in_force(office.household.policy)
        return town

    return made


@pytest.fixture
def town(build: Build) -> Town:
    return build()
