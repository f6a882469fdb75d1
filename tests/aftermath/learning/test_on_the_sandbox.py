"""From a real execution to a playbook, and from the playbook to the next execution."""

from datetime import UTC, datetime

from countersign.actions.rendering import render
from countersign.aftermath.learning.content import said_by
from countersign.aftermath.learning.subjects import playbook_subject
from countersign.aftermath.learning.trust import read_trust
from countersign.records.database.engine import transaction
from countersign.records.playbooks import list_playbooks
from countersign.records.states import StepName
from countersign.records.tables import Incident
from tests.aftermath.following import follow
from tests.execution.conftest import Office

INCIDENT = "INC-20261124-0001"


def test_a_repair_that_worked_is_found_rendered_run_and_trusted_more(office: Office) -> None:
    engine = office.services.engine
    with transaction(engine) as session:
        session.add(Incident(id=INCIDENT, signals={"alertname": "HighLatency"}))
    steps = follow(office, office.perform("kubectl -n prod rollout restart deploy api", incident_id=INCIDENT))
    assert (steps[StepName.VERIFY].result or {})["verdict"] == "effective", steps[StepName.VERIFY].result
    assert steps[StepName.EXTRACT_PLAYBOOK].status == "done", steps[StepName.EXTRACT_PLAYBOOK].error
    with transaction(engine) as session:
        (playbook,) = list_playbooks(session)
        incident = session.get_one(Incident, INCIDENT)
    assert (playbook.status, incident.effectiveness_score) == ("approved", 5)

    actions = said_by(playbook.symptom, playbook.steps).actions
    (action,) = render(actions, {"name": "api", "namespace": "prod"})
    follow(office, office.perform(action, incident_id=INCIDENT, matched_playbook_id=playbook.name))
    subject = playbook_subject(playbook.id)
    with transaction(engine) as session:
        assert len(list_playbooks(session)) == 1
        trust = read_trust(session, [subject], now=datetime.now(UTC), half_life_seconds=2_592_000)[subject]
    assert (trust.runs, trust.mean > 0.7) == (2, True)
