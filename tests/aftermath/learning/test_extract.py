"""What worked becomes a playbook: one for each symptom and repair, however often and however it is asked for."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from countersign.aftermath.learning.content import Said
from countersign.aftermath.learning.subjects import playbook_subject
from countersign.aftermath.learning.symptoms import read_matcher
from countersign.records.database.engine import transaction
from countersign.records.outcomes import Outcome
from countersign.records.playbooks import changes_of, create_playbook, set_status, versions_of
from countersign.records.states import PlaybookChangeKind, PlaybookStatus, StepName, VersionOrigin
from countersign.records.tables import Incident, PlaybookVersion
from countersign.records.trust import observations_of
from tests.aftermath.learning.conftest import RESTART, Desk, now, result_of

SCALE = "kubectl scale deployment/api --replicas={count} -n prod"


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.incident()
    return desk


def runs_of(desk: Desk, name: str) -> int:
    subject = playbook_subject(desk.playbook(name).id)
    with transaction(desk.engine) as session:
        return len(observations_of(session, [subject], since=now() - timedelta(days=1))[subject])


def versions(desk: Desk, name: str) -> list[PlaybookVersion]:
    playbook = desk.playbook(name)
    with transaction(desk.engine) as session:
        return list(versions_of(session, playbook.id))


def incident(desk: Desk, name: str = "INC-1") -> Incident:
    with transaction(desk.engine) as session:
        return session.get_one(Incident, name)


def test_a_verified_repair_becomes_an_approved_playbook(desk: Desk) -> None:
    result = result_of(desk.extracted())
    (playbook,) = desk.playbooks()
    assert result["playbook_id"] == str(playbook.id)
    assert (result["status"], result["created"]) == ("approved", True)
    assert playbook.name == "kube-pod-crash-looping-restart-deployment"
    assert playbook.symptom == {"matchers": ["alertname = KubePodCrashLooping", "alert_category = crash_loop"]}
    assert playbook.steps == {"steps": [{"action": "kubectl rollout restart deployment/{{name}} -n {{namespace}}"}]}


def test_a_repair_that_nobody_could_verify_becomes_a_draft(desk: Desk) -> None:
    assert result_of(desk.extracted(verdict="unverifiable"))["status"] == "draft"
    assert incident(desk).effectiveness_score == 4


def test_the_incidents_outcome_is_completed(desk: Desk) -> None:
    desk.extracted()
    found = incident(desk)
    assert (found.execution_success, found.effectiveness_score, found.learning_notes) == (True, 5, RESTART)


def test_notes_that_a_person_wrote_stay(desk: Desk) -> None:
    desk.incident("INC-2", learning_notes="the probe was too short")
    desk.extracted(incident_id="INC-2")
    assert incident(desk, "INC-2").learning_notes == "the probe was too short"


@pytest.mark.parametrize("field", ["description", "requested_by", "action"])
def test_the_incident_is_found_where_people_wrote_it(desk: Desk, field: str) -> None:
    desk.incident("INC-20261124-AB12CD34")
    written = {
        "description": {"description": "for INC-20261124-AB12CD34, please"},
        "requested_by": {"requested_by": "carol (INC-20261124-AB12CD34)"},
        "action": {"action": "kubectl annotate deploy/api note=INC-20261124-AB12CD34 -n prod"},
    }[field]
    result = result_of(desk.extracted(**{"incident_id": None, **written}))
    assert result["incident_id"] == "INC-20261124-AB12CD34"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"verdict": "ineffective"}, "the verdict is ineffective"),
        ({"verdict": "worse"}, "the verdict is worse"),
        ({"outcome": Outcome.FAILED}, "did not succeed (Failed)"),
        ({"outcome": Outcome.NO_ACTION, "steps": 0}, "did not succeed (Observation only)"),
        ({"steps": 0}, "Nothing was sent"),
        ({"incident_id": None}, "No incident is named"),
        ({"incident_id": "INC-404"}, "INC-404 is not on record"),
        ({"action": "ssh web-1 uptime"}, "only reads"),
    ],
)
def test_no_playbook_is_made_and_the_reason_is_said(desk: Desk, fields: dict[str, object], reason: str) -> None:
    row = desk.extracted(**fields)
    assert row.status == "skipped"
    assert reason in (row.reason or "")
    assert desk.playbooks() == []


def test_without_alert_and_category_the_outcome_is_completed_and_no_playbook_made(desk: Desk) -> None:
    desk.incident("INC-3", signals={}, alert_category="")
    assert result_of(desk.extracted(incident_id="INC-3"))["playbook_id"] is None
    assert (incident(desk, "INC-3").execution_success, desk.playbooks()) == (True, [])


def test_an_action_with_a_secret_becomes_no_playbook(desk: Desk) -> None:
    result = result_of(desk.extracted("kubectl set env deploy/api DB_PASSWORD=hunter2 -n prod"))
    assert (result["playbook_id"], desk.playbooks()) == (None, [])
    assert "hunter2" not in f"{result} {incident(desk).learning_notes}"


@pytest.mark.all_rights
def test_a_playbook_that_cannot_be_read_any_more_holds_nobody_up(desk: Desk) -> None:
    desk.extracted()
    with transaction(desk.engine) as session:
        session.execute(
            text("ALTER TABLE playbook_version DISABLE TRIGGER playbook_version_append_only"),
        )
        session.execute(text('UPDATE playbook_version SET steps = \'{"steps": [{"action": "kubectl fly"}]}\''))
    assert result_of(desk.extracted("kubectl scale deploy/api --replicas=3 -n prod"))["created"] is True


def test_an_alertname_of_any_length_is_learnt_from(desk: Desk) -> None:
    desk.incident("INC-5", signals={"alertname": "警報" * 5000}, alert_category="")
    assert result_of(desk.extracted(incident_id="INC-5"))["created"] is True


def test_the_same_repair_elsewhere_is_counted_and_no_twin(desk: Desk) -> None:
    desk.extracted()
    result = result_of(desk.extracted("kubectl -n shop rollout restart deploy web"))
    (playbook,) = desk.playbooks()
    assert (result["playbook_id"], result["created"]) == (str(playbook.id), False)
    assert runs_of(desk, playbook.name) == 2


def test_another_alert_or_another_repair_is_another_playbook(desk: Desk) -> None:
    desk.incident("INC-4", signals={"alertname": "HighLatency"}, alert_category="")
    desk.extracted()
    desk.extracted(incident_id="INC-4")
    desk.extracted("kubectl rollout restart statefulset/db -n prod")
    assert len(desk.playbooks()) == 3


def test_a_very_similar_repair_becomes_a_version(desk: Desk) -> None:
    desk.extracted(SCALE.format(count=5), verdict="unverifiable")
    result = result_of(desk.extracted(SCALE.format(count=6), verdict="unverifiable"))
    (playbook,) = desk.playbooks()
    assert (result["version"], result["created"]) == (2, False)
    assert [version.origin for version in versions(desk, playbook.name)] == ["extracted", "merged"]
    assert playbook.steps["steps"][0]["action"].startswith("kubectl scale deployment/{{name}} --replicas=6")
    assert runs_of(desk, playbook.name) == 2


def test_what_was_approved_keeps_its_steps_until_a_person_chooses(desk: Desk) -> None:
    desk.extracted(SCALE.format(count=5))
    desk.extracted(SCALE.format(count=6))
    (playbook,) = desk.playbooks()
    assert (playbook.version, len(versions(desk, playbook.name))) == (1, 2)
    assert "--replicas=5" in playbook.steps["steps"][0]["action"]


def test_a_version_that_a_run_merged_into_a_draft_is_not_approved_by_that_run(desk: Desk) -> None:
    desk.extracted(SCALE.format(count=5), verdict="unverifiable")
    result = result_of(desk.extracted(SCALE.format(count=6)))
    assert (result["version"], result["status"]) == (2, "draft")
    result = result_of(desk.extracted(SCALE.format(count=5)))
    assert (result["version"], result["status"]) == (1, "draft")
    result = result_of(desk.extracted(SCALE.format(count=6)))
    assert (result["version"], result["status"]) == (2, "approved")


def test_a_version_that_waits_changes_nothing_about_the_one_in_use(desk: Desk) -> None:
    desk.extracted(SCALE.format(count=5))
    for _ in range(7):
        desk.extracted(SCALE.format(count=6))
    (playbook,) = desk.playbooks()
    assert (playbook.version, playbook.status) == (1, "approved")
    for _ in range(3):
        desk.learnt(SCALE.format(count=6), verdict="ineffective", matched_playbook_id=playbook.name)
    assert desk.playbook(playbook.name).people_only_since is None
    for _ in range(3):
        desk.learnt(SCALE.format(count=6), matched_playbook_id=playbook.name)
        desk.learnt(SCALE.format(count=5), verdict="ineffective", matched_playbook_id=playbook.name)
    assert desk.playbook(playbook.name).people_only_since is not None


def test_another_parameter_is_no_version(desk: Desk) -> None:
    desk.extracted("kubectl label deploy/api mode=calm -n prod")
    desk.extracted("kubectl label deploy/api level=calm -n prod")
    assert len(desk.playbooks()) == 2


def test_a_verified_run_approves_the_draft_of_an_unverified_one(desk: Desk) -> None:
    desk.extracted(verdict="unverifiable")
    assert result_of(desk.extracted())["status"] == "approved"
    (playbook,) = desk.playbooks()
    with transaction(desk.engine) as session:
        assert [change.what for change in changes_of(session, playbook.id)] == ["created", "promoted"]


def test_what_a_person_deprecated_is_not_approved_by_a_run(desk: Desk) -> None:
    desk.extracted()
    (playbook,) = desk.playbooks()
    with transaction(desk.engine) as session:
        what = PlaybookChangeKind.DEPRECATED
        set_status(session, playbook.id, PlaybookStatus.DEPRECATED, what=what, by="alice", reason="too blunt")
    assert result_of(desk.extracted())["status"] == "deprecated"
    assert len(desk.playbooks()) == 1


def test_a_playbook_with_patterns_counts_runs_for_alerts_that_it_matches(desk: Desk) -> None:
    said = Said((read_matcher("alertname =~ Kube.*"),), ("kubectl -n {{ns}} rollout restart deploy/{{app}}",))
    with transaction(desk.engine) as session:
        create_playbook(
            session,
            name="reviewed",
            title="Reviewed",
            status=PlaybookStatus.APPROVED,
            content=said.content,
            origin=VersionOrigin.IMPORTED,
            by="alice",
        )
    result = result_of(desk.extracted())
    assert (result["playbook"], result["created"], runs_of(desk, "reviewed")) == ("reviewed", False, 1)


def test_a_run_counts_once_for_the_playbook_that_it_came_from(desk: Desk) -> None:
    desk.extracted()
    (playbook,) = desk.playbooks()
    desk.extracted(matched_playbook_id=playbook.name)
    assert runs_of(desk, playbook.name) == 2


def test_two_runs_that_end_at_once_make_one_playbook_and_both_count(desk: Desk) -> None:
    for number in range(3):
        desk.incident(f"INC-9{number}")
    runs = [desk.ended(incident_id=f"INC-9{number % 3}") for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        rows = list(
            pool.map(lambda run: (desk.step(run, StepName.LEARN), desk.step(run, StepName.EXTRACT_PLAYBOOK))[1], runs)
        )
    assert {row.status for row in rows} == {"done"}, [row.error for row in rows]
    (playbook,) = desk.playbooks()
    assert sum(bool((row.result or {})["created"]) for row in rows) == 1
    assert runs_of(desk, playbook.name) == 6


def test_steps_that_ran_once_are_not_approved_for_what_other_steps_showed(desk: Desk) -> None:
    lenient = desk.with_settings(trust_promote_bound=0.25)
    for _ in range(5):
        desk.extracted(SCALE.format(count=5), verdict=None)
    result = result_of(lenient.extracted(SCALE.format(count=50), verdict=None))
    assert (result["version"], result["status"]) == (2, "draft")
    for _ in range(4):
        result = result_of(lenient.extracted(SCALE.format(count=50), verdict=None))
    assert result["status"] == "approved"


@pytest.mark.parametrize(
    "action",
    [
        "kubectl set env deploy/api HOOK=https://hooks.example/x -n prod",
        """kubectl patch configmap settings -n prod -p '{"data":{"hook":"https://hooks.example/x"}}'""",
    ],
)
def test_values_that_may_be_secrets_are_in_no_playbook(desk: Desk, action: str) -> None:
    desk.extracted(action)
    assert desk.playbooks() == []
