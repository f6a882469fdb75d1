"""Records of every kind, made by the functions that make them elsewhere too: what the API is asked about."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from uuid import UUID

from countersign.aftermath.incidents.alertmanager import read_alerts
from countersign.aftermath.incidents.alerts import receive
from countersign.aftermath.learning.playbook_document import read_playbooks
from countersign.aftermath.learning.playbook_import import import_playbooks
from countersign.audit.heads import head_path, make_sealing_key, sealer_of
from countersign.audit.sealing import Sealing
from countersign.execution.filing import Request, file_request
from countersign.execution.plan_seal import make_seal
from countersign.execution.report import Report
from countersign.policy.roles import RoleGrant
from countersign.records.approvals import cancel_approval
from countersign.records.claims import claim
from countersign.records.database.engine import transaction
from countersign.records.dead_letters import bury, open_letters
from countersign.records.findings import Finding, Looked
from countersign.records.knowledge import Case, deposit
from countersign.records.ledger import NewStep, fail_step, take_step
from countersign.records.outcomes import Outcome
from countersign.records.queries import execution_of
from countersign.records.rounds import note_round
from countersign.records.settlement import settle
from countersign.records.states import StepName
from tests.execution.conftest import Office
from tests.execution.glass import begun, letting
from tests.policy.board import Board, board
from tests.web.conftest import ROLES, House, house_of

PLAYBOOK = """
playbooks:
  - name: restart-what-hangs
    title: Restart what hangs
    status: draft
    symptom:
      - alertname = ApiDown
    steps:
      - kubectl rollout restart deployment/{{name}} -n {{namespace}}
"""
ALERTS = {"alerts": [{"status": "firing", "labels": {"alertname": "ApiDown", "namespace": "prod", "service": "api"}}]}
ACTION = "kubectl rollout restart deployment/api -n prod"


@dataclass(frozen=True)
class Furnished:
    """The application over records of every kind, all of them about namespace prod, and what they are called."""

    house: House
    board: Board
    pending: UUID
    executed: UUID
    execution: UUID
    unknown: UUID
    """An execution whose outcome nobody can tell."""
    letter: UUID
    incident: str
    playbook: str
    entry: UUID
    version: int
    """Of the policy: in force; the next one is proposed and not signed."""

    @cached_property
    def over(self) -> UUID:
        """An approval that was withdrawn: nothing more comes of it."""
        found = _pending(self.house.office)
        with transaction(self.house.services.engine) as session:
            cancel_approval(session, found, by="carol", reason="not needed")
        return found

    @cached_property
    def break_glass(self) -> UUID:
        """One that waits for a second person, and is about the namespace of all of them."""
        office = self.house.office
        return begun(office.with_policy(letting(office.services.policy))).id

    @property
    def names(self) -> dict[str, str]:
        """What stands for each parameter of an address."""
        return {
            "approval_id": str(self.pending),
            "execution_id": str(self.execution),
            "letter_id": str(self.letter),
            "break_glass_id": str(self.break_glass),
            "incident_id": self.incident,
            "entry_id": str(self.entry),
            "number": str(self.version),
            "chain": str(self.executed),
            "name": self.playbook,
        }


def furnished(office: Office, folder: Path, *, roles: tuple[RoleGrant, ...] = ROLES, **settings: object) -> Furnished:
    """Make one or more of each."""
    trust = folder / "trust"
    trust.mkdir()
    make_seal(trust)
    make_sealing_key(trust)
    house = house_of(office, roles=roles, trust_dir=trust, **settings)
    office, engine = house.office, house.services.engine
    administrators = board(engine, trust)
    version = administrators.put_in_force(office.household.policy).number
    administrators.propose(office.household.policy + "# the next\n")
    executed = office.approved(ACTION)
    assert office.run(executed).success
    pending = _pending(office)
    unknown = _unknown(office)
    with transaction(engine) as session:
        execution = execution_of(session, executed)
        assert execution is not None
        received = receive(session, read_alerts(ALERTS), now=datetime.now(UTC))
        assert received.incident is not None
        (playbook,) = import_playbooks(session, read_playbooks(PLAYBOOK, source="the test"), by="the test")
        case = Case(title="It hung", body="Restart it.", path_type="approval_manual", execution_id=execution.id)
        entry = deposit(session, case)
        deposit(session, Case(title="A note", body="By a person.", path_type="note", author="carol"))
        note_round(session, [Looked("expired", [Finding("x", "done", 3.0)])])
    letter = _letter(office, unknown)
    Sealing(engine, sealer_of(house.services.settings), head_path(house.services.settings)).round()
    return Furnished(
        house,
        administrators,
        pending,
        executed,
        execution.id,
        unknown,
        letter,
        received.incident.id,
        playbook.name,
        entry,
        version,
    )


def _pending(office: Office) -> UUID:

    with transaction(office.services.engine) as session:
        asked = Request(action=ACTION, requested_by="carol", risk_level="high")
        now, clusters = datetime.now(UTC), office.services.clusters
        return file_request(session, asked, policy=office.services.policy, now=now, clusters=clusters).approval.id


def _unknown(office: Office) -> UUID:
    approval_id = office.approved(ACTION)
    with transaction(office.services.engine) as session:
        won = claim(session, approval_id, worker="w1", flow_run_id=None, lease_seconds=30)
        assert won.owned is not None
        report = Report(
            approval_id=str(approval_id),
            action=ACTION,
            outcome=Outcome.UNKNOWN.value,
            success=False,
            message="Nobody can tell.",
        )
        settle(
            session,
            won.owned,
            outcome=Outcome.UNKNOWN,
            error=report.message,
            report=report.model_dump(mode="json"),
            steps=(NewStep(StepName.NOTIFY, 1, max_attempts=1),),
        )
        return won.owned.execution_id


def _letter(office: Office, execution_id: UUID) -> UUID:
    with transaction(office.services.engine) as session:
        step = take_step(session, execution_id, StepName.NOTIFY, runner="r1", lease_seconds=30)
        assert step is not None
        fail_step(session, step, error="no answer", pause_seconds=0)
        bury(session, step.id, payload={"action": ACTION}, pause_seconds=60, replays=0)
    with transaction(office.services.engine) as session:
        (letter,) = open_letters(session)
        return letter.id
