"""What a run showed is written down once, and its playbook is judged by everything that was shown."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest

from countersign.aftermath.learning.content import Said
from countersign.aftermath.learning.subjects import playbook_subject
from countersign.aftermath.learning.symptoms import read_matcher
from countersign.records.database.engine import transaction
from countersign.records.outcomes import Outcome
from countersign.records.playbooks import changes_of, create_playbook, restore
from countersign.records.states import PlaybookStatus, StepName, VersionOrigin
from countersign.records.timeline import events_of
from countersign.records.trust import Observation, observations_of
from tests.aftermath.learning.conftest import Desk, now, result_of


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.incident()
    make(desk, PlaybookStatus.APPROVED)
    return desk


def make(desk: Desk, status: PlaybookStatus, name: str = "latency") -> None:
    said = Said(
        (read_matcher(f"alertname = {name}"),), ("kubectl rollout restart deployment/{{name}} -n {{namespace}}",)
    )
    with transaction(desk.engine) as session:
        create_playbook(
            session,
            name=name,
            title=name,
            status=status,
            content=said.content,
            origin=VersionOrigin.IMPORTED,
            by="alice",
        )


def observed(desk: Desk, subject: str) -> list[Observation]:
    with transaction(desk.engine) as session:
        return list(observations_of(session, [subject], since=now() - timedelta(days=1))[subject])


def of_playbook(desk: Desk, name: str = "latency") -> list[Observation]:
    return observed(desk, playbook_subject(desk.playbook(name).id))


def test_a_run_is_noted_for_its_playbook_and_its_kind_of_repair(desk: Desk) -> None:
    result = result_of(desk.learnt(matched_playbook_id="latency"))
    repair = "repair:KubePodCrashLooping/restart/Deployment"
    assert result["subjects"] == [playbook_subject(desk.playbook("latency").id), repair]
    assert [one.effect for one in observed(desk, repair)] == [1.0]
    assert [one.basis for one in of_playbook(desk)] == ["verdict effective"]


def test_a_host_action_is_of_the_class_host(desk: Desk) -> None:
    result = result_of(desk.learnt("ssh web-1 'systemctl restart nginx.service'"))
    assert result["subjects"] == ["repair:KubePodCrashLooping/ssh_systemctl_restart/Host"]


def test_the_observation_is_dated_by_the_outcome(desk: Desk) -> None:
    before = now()
    execution_id = desk.ended(matched_playbook_id="latency")
    settled = now()
    desk.step(execution_id, StepName.LEARN)
    assert before <= of_playbook(desk)[0].at <= settled


@pytest.mark.parametrize(
    ("outcome", "verdict", "steps"),
    [(Outcome.BLOCKED, "unverifiable", 0), (Outcome.NO_ACTION, None, 0), (Outcome.SUCCESS, "effective", 0)],
)
def test_nothing_is_learnt_where_nothing_was_performed(
    desk: Desk, outcome: Outcome, verdict: str | None, steps: int
) -> None:
    row = desk.learnt(outcome=outcome, verdict=verdict, steps=steps, matched_playbook_id="latency")
    assert (row.status, bool(row.reason)) == ("skipped", True)
    assert of_playbook(desk) == []


def test_a_playbook_of_another_system_has_no_trust_here(desk: Desk) -> None:
    assert result_of(desk.learnt(matched_playbook_id="PB-2077"))["subjects"] == [
        "repair:KubePodCrashLooping/restart/Deployment"
    ]


def test_three_runs_without_effect_leave_a_playbook_to_people_and_tell_it(desk: Desk) -> None:
    for _ in range(2):
        desk.learnt(verdict="ineffective", matched_playbook_id="latency")
    assert desk.playbook("latency").people_only_since is None
    result = result_of(desk.learnt(verdict="ineffective", matched_playbook_id="latency"))
    playbook = desk.playbook("latency")
    assert playbook.people_only_since is not None
    assert playbook.people_only_reason == result["demoted"] == "its last 3 runs were not effective"
    with transaction(desk.engine) as session:
        told = [event for event in events_of(session, incident_id="INC-1") if event.type == "playbook_demoted"]
    assert [(event.title, event.description) for event in told] == [
        ("Playbook latency needs a person's approval from now on", "its last 3 runs were not effective")
    ]


def test_how_many_runs_it_takes_is_a_setting(desk: Desk) -> None:
    strict = desk.with_settings(trust_demote_runs=1)
    strict.learnt(verdict="ineffective", matched_playbook_id="latency")
    assert desk.playbook("latency").people_only_since is not None


def test_an_effective_run_in_between_is_no_series(desk: Desk) -> None:
    for verdict in ("effective", "effective", "ineffective", "ineffective", "effective", "ineffective"):
        desk.learnt(verdict=verdict, matched_playbook_id="latency")
    assert desk.playbook("latency").people_only_since is None


def test_a_bound_below_the_floor_leaves_a_playbook_to_people(desk: Desk) -> None:
    for verdict in ("effective", "worse"):
        desk.learnt(verdict=verdict, matched_playbook_id="latency")
    reason = desk.playbook("latency").people_only_reason
    assert reason == "the lower bound of its trust fell to 0.06, below 0.10"


def test_a_bound_at_the_threshold_approves_a_draft(desk: Desk) -> None:
    make(desk, PlaybookStatus.DRAFT, "proven")
    for _ in range(5):
        desk.learnt(matched_playbook_id="proven")
    assert desk.playbook("proven").status == "draft"
    result = result_of(desk.learnt(matched_playbook_id="proven"))
    assert desk.playbook("proven").status == "approved"
    assert result["promoted"] == "the lower bound of its trust is 0.61 after 6 runs"


def test_no_run_brings_back_what_was_left_to_people(desk: Desk) -> None:
    for _ in range(3):
        desk.learnt(verdict="ineffective", matched_playbook_id="latency")
    for _ in range(8):
        desk.learnt(matched_playbook_id="latency")
    assert desk.playbook("latency").people_only_since is not None


def test_what_a_person_gave_back_is_judged_by_the_runs_since(desk: Desk) -> None:
    for _ in range(3):
        desk.learnt(verdict="ineffective", matched_playbook_id="latency")
    with transaction(desk.engine) as session:
        restore(session, desk.playbook("latency").id, by="alice", reason="the image was at fault")
    for _ in range(2):
        desk.learnt(verdict="ineffective", matched_playbook_id="latency")
    assert desk.playbook("latency").people_only_since is None
    desk.learnt(verdict="ineffective", matched_playbook_id="latency")
    assert desk.playbook("latency").people_only_since is not None


def test_a_deprecated_playbook_stays_as_it_is(desk: Desk) -> None:
    make(desk, PlaybookStatus.DEPRECATED, "old")
    for _ in range(7):
        desk.learnt(matched_playbook_id="old")
    assert (desk.playbook("old").status, len(of_playbook(desk, "old"))) == ("deprecated", 7)


def test_runs_that_end_together_are_judged_together(desk: Desk) -> None:
    """Whoever writes last sees all: three failures at once are still three in a row."""
    runs: list[UUID] = [desk.ended(verdict="ineffective", matched_playbook_id="latency") for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        rows = list(pool.map(lambda run: desk.step(run, StepName.LEARN), runs))
    assert {row.status for row in rows} == {"done"}
    assert len(of_playbook(desk)) == 3
    assert desk.playbook("latency").people_only_since is not None


def test_a_run_of_something_else_says_nothing_about_the_playbook_that_it_names(desk: Desk) -> None:
    make(desk, PlaybookStatus.DRAFT, "proven")
    for _ in range(6):
        result = result_of(desk.learnt("kubectl label deployment/api a=b -n prod", matched_playbook_id="proven"))
    assert result["subjects"] == ["repair:KubePodCrashLooping/label/Deployment"]
    assert "none of playbook proven's steps" in result["summary"]
    assert (of_playbook(desk, "proven"), desk.playbook("proven").status) == ([], "draft")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (2, 1, 0), (1, 2, 0), (1, 0, 2)])
def test_a_bound_that_fell_leaves_it_to_people_in_whatever_order_runs_are_learnt_from(
    desk: Desk, order: tuple[int, ...]
) -> None:
    runs = [desk.ended(verdict=one, matched_playbook_id="latency") for one in ("effective", "worse", "effective")]
    for number in order:
        desk.step(runs[number], StepName.LEARN)
    assert desk.playbook("latency").people_only_since is not None


@pytest.mark.parametrize(
    ("verdicts", "order"),
    [
        (("effective", "effective", "effective", "worse"), (3, 0, 2, 1)),
        (("ineffective", "effective", "effective", "ineffective", "ineffective"), (4, 0, 3, 1, 2)),
    ],
)
def test_an_earlier_run_that_is_learnt_from_late_takes_back_what_was_decided_without_it(
    desk: Desk, verdicts: tuple[str, ...], order: tuple[int, ...]
) -> None:
    runs = [desk.ended(verdict=verdict, matched_playbook_id="latency") for verdict in verdicts]
    for number in order:
        desk.step(runs[number], StepName.LEARN)
    found = desk.playbook("latency")
    assert (found.people_only_since, found.people_only_reason, found.restored_at) == (None, None, None)
    with transaction(desk.engine) as session:
        assert [one.what for one in changes_of(session, found.id)][-2:] == ["demoted", "restored"]
        assert "playbook_restored" in {event.type for event in events_of(session, incident_id="INC-1")}


def test_three_runs_in_a_row_leave_it_to_people_in_whatever_order_they_are_learnt_from(desk: Desk) -> None:
    verdicts = ("effective", "effective", "ineffective", "ineffective", "ineffective", "effective")
    runs = [desk.ended(verdict=verdict, matched_playbook_id="latency") for verdict in verdicts]
    for number in (5, 0, 1, 2, 3, 4):
        desk.step(runs[number], StepName.LEARN)
    assert desk.playbook("latency").people_only_since is not None


@pytest.mark.parametrize("code", ["transient", "not_sent"])
@pytest.mark.parametrize("verdict", [None, "ineffective", "unverifiable"])
def test_an_outage_of_the_target_counts_nothing_against_a_playbook(
    desk: Desk, code: str, verdict: str | None
) -> None:
    step = desk.learnt(
        outcome=Outcome.FAILED, verdict=verdict, step_result="not_sent", code=code, matched_playbook_id="latency"
    )
    assert (step.status, step.reason) == (
        "skipped",
        "The target could not be reached, which says nothing about the repair.",
    )
    assert of_playbook(desk) == []


@pytest.mark.parametrize(("code", "result"), [("target", "not_landed"), ("transient", "landed")])
def test_what_the_target_refused_or_half_of_which_landed_counts(desk: Desk, code: str, result: str) -> None:
    desk.learnt(
        outcome=Outcome.FAILED, verdict="ineffective", step_result=result, code=code, matched_playbook_id="latency"
    )
    assert [one.effect for one in of_playbook(desk)] == [0.0]
