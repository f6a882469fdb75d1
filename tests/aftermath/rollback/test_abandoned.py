"""A rollback that was begun and whose step has ended is brought to its end by reconciliation, which sends nothing.

A step ends without its rollback in two ways: dead, because it failed at every attempt; dead, because its runners
died at every attempt. After either it can be replayed, and die again, until no replay is left. It cannot be skipped
or done before its rollback is settled: both are written by the runner that has the step, after it has read the
outcome.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from countersign.aftermath.step_runner import run_step, run_steps
from countersign.execution import performance
from countersign.execution.clusters import only
from countersign.execution.services import Services
from countersign.records.database.engine import transaction
from countersign.records.dead_letters import open_letters, replay_letters
from countersign.records.findings import Finding
from countersign.records.holds import held_keys
from countersign.records.journal import entries
from countersign.records.operation_log import log_of
from countersign.records.rollbacks import rollback_of
from countersign.records.states import LogStatus, StepName, StepStatus
from countersign.records.tables import Execution
from countersign.records.timeline import events_of
from flows.reconcile import PARTS
from flows.rounds import Context, go_round
from sandbox.cluster.faults import Effect, Fault
from tests.aftermath.following import execution_id_of, ledger, run_one
from tests.aftermath.rollback.conftest import BAD, GOOD, image_of, made_worse, seeded
from tests.aftermath.rollback.dying import lose
from tests.aftermath.rollback.test_killed import at_point
from tests.execution.conftest import Office

OF_THE_RECORDS = ("dead_step", "abandoned_rollback")

# The leases of a dead runner are over after half a minute, of the step and of its rollback; a test does not wait.
LAST_LEASE_ENDS = text("""
    UPDATE ledger_step SET attempts = max_attempts, due_at = clock_timestamp() - interval '10 minutes'
    WHERE status IN ('pending', 'running')
      AND name = 'roll_back'
""")
LEASE_IS_LONG_OVER = text("""
    UPDATE execution SET lease_until = clock_timestamp() - interval '1 hour'
    WHERE rolls_back IS NOT NULL AND settled_at IS NULL
""")


@pytest.fixture
def lenient(lenient: Office) -> Office:
    """An office whose leases end where a test ends them, however busy the machine is."""
    return lenient.with_settings(lease_seconds=30.0, request_timeout_seconds=30)


def reconciled(services: Services) -> Sequence[Finding]:
    """Do the parts of a round that are about dead steps and their rollbacks; return what they found."""
    parts = [part for part in PARTS if part.name in OF_THE_RECORDS]
    done = asyncio.run(go_round(parts, Context(services, "reconciler")))
    assert done.problems == []
    return [finding for looked in done.looked for finding in looked.findings if looked.part == "abandoned_rollback"]


def rollback(office: Office, execution_id: UUID) -> Execution:
    with transaction(office.services.engine) as session:
        found = rollback_of(session, execution_id)
    assert found is not None
    return found


def lost(office: Office, engine: Engine, point: str) -> UUID:
    """Let the step's last runner be killed at `point`, long ago."""
    execution_id = execution_id_of(made_worse(office))
    lose(office, engine, execution_id, point)
    with transaction(engine) as session:
        session.execute(LAST_LEASE_ENDS)
        session.execute(LEASE_IS_LONG_OVER)
    return execution_id


@dataclass(frozen=True)
class End:
    outcome: str
    image: str
    said: str = ""


ENDS = {
    "started": End("blocked", BAD, "step ended before it was done"),
    "intent": End("blocked", BAD, "step ended before it was done"),
    "sent": End("success", GOOD),
    "answered": End("success", GOOD),
}


@pytest.mark.parametrize("point", ENDS)
def test_the_rollback_of_a_killed_runner_whose_step_is_dead_ends_with_the_truth(
    lenient: Office, engine: Engine, point: str
) -> None:
    execution_id, end = lost(lenient, engine, point), ENDS[point]
    sent = len(lenient.cluster.requests.mutations())
    assert sent == (end.image == GOOD)
    found = reconciled(lenient.services)
    assert [(each.subject, each.failed) for each in found] == [
        (str(rollback(lenient, execution_id).approval_id), False)
    ]
    back = rollback(lenient, execution_id)
    assert (back.outcome, image_of(lenient)) == (end.outcome, end.image)
    assert end.said in (back.error or "")
    assert len(lenient.cluster.requests.mutations()) == sent, "it sent something"
    with transaction(engine) as session:
        log = log_of(session, back.id)
        assert held_keys(session, back.id) == frozenset()
        events = [event.type for event in events_of(session, approval_id=back.approval_id)]
    assert log is not None
    assert log.status is (LogStatus.ROLLED_BACK if end.outcome == "success" else LogStatus.FAILED)
    assert events.count("rollback_settled") == 1
    assert ledger(lenient, execution_id)[StepName.ROLL_BACK].status is StepStatus.DEAD
    # Whatever the verdict is; the bad image is never well.
    run_steps(lenient.with_settings(verify_limit_seconds=2).services, back.id, runner="r1")
    steps = ledger(lenient, back.id)
    assert set(steps) == {StepName.NOTIFY, StepName.VERIFY, StepName.CLOSE_LOG}
    assert {row.status for row in steps.values()} <= {StepStatus.DONE, StepStatus.SKIPPED}
    assert reconciled(lenient.services) == []


@pytest.mark.parametrize(("changes", "outcome"), [(1, "blocked"), (2, "unknown")])
def test_a_rollback_that_somebody_changed_under_it_is_told_as_far_as_it_can_be(
    lenient: Office, engine: Engine, changes: int, outcome: str
) -> None:
    """Of one change that is not ours it is certain that ours did not come before it; of two it is not."""
    execution_id = lost(lenient, engine, "intent")
    for number in range(changes):
        seeded(lenient, f"registry.local/web:3.0.{5 + number}")
    assert len(reconciled(lenient.services)) == 1
    back = rollback(lenient, execution_id)
    assert back.outcome == outcome
    assert lenient.cluster.requests.mutations() == []
    with transaction(engine) as session:
        assert held_keys(session, back.id) == frozenset()


def test_a_runner_that_was_paused_before_its_request_sends_nothing_once_its_rollback_was_ended(
    lenient: Office, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution_id = execution_id_of(made_worse(lenient))
    clock = [0.0]
    monkeypatch.setattr(performance, "_clock", lambda: clock[0])

    def a_long_pause() -> None:
        clock[0] += 3600
        with transaction(engine) as session:
            session.execute(LAST_LEASE_ENDS)
            session.execute(LEASE_IS_LONG_OVER)
        assert len(reconciled(lenient.services)) == 1

    at_point(monkeypatch, "intent", a_long_pause)
    assert run_step(lenient.services, execution_id, StepName.ROLL_BACK, runner="paused") is None
    assert rollback(lenient, execution_id).outcome == "blocked"
    assert (image_of(lenient), lenient.cluster.requests.mutations()) == (BAD, [])


def test_a_target_that_is_not_reached_is_asked_in_a_later_round(lenient: Office, engine: Engine) -> None:
    execution_id = lost(lenient, engine, "sent")
    lenient.cluster.faults.add(Fault(effect=Effect.ERROR, code=503, reads=True, count=None))
    (found,) = reconciled(lenient.services)
    assert found.failed
    assert rollback(lenient, execution_id).outcome is None
    lenient.cluster.faults.clear()
    with transaction(engine) as session:
        session.execute(LEASE_IS_LONG_OVER)
    (found,) = reconciled(lenient.services)
    assert not found.failed
    assert rollback(lenient, execution_id).outcome == "success"


def test_a_step_that_failed_at_every_attempt_leaves_no_hold(lenient: Office, engine: Engine) -> None:
    """Its last attempt ends as failed while the rollback is begun: the block means another cluster now."""
    execution_id = execution_id_of(made_worse(lenient))
    lose(lenient, engine, execution_id, "started")
    with transaction(engine) as session:
        session.execute(
            text(
                "UPDATE ledger_step SET attempts = max_attempts - 1, due_at = clock_timestamp()"
                " WHERE name = 'roll_back'"
            )
        )
        session.execute(LEASE_IS_LONG_OVER)
    another = only(replace(lenient.services.clusters.the_default(), name="another"))
    elsewhere = replace(lenient.services, clusters=another)
    assert run_step(elsewhere, execution_id, StepName.ROLL_BACK, runner="r1") is StepStatus.DEAD
    with transaction(engine) as session:
        session.execute(LEASE_IS_LONG_OVER)
    assert len(reconciled(lenient.services)) == 1
    back = rollback(lenient, execution_id)
    with transaction(engine) as session:
        assert held_keys(session, back.id) == frozenset()
    assert back.outcome == "blocked"


def test_a_step_that_is_still_open_is_left_to_its_next_runner(lenient: Office, engine: Engine) -> None:
    execution_id = execution_id_of(made_worse(lenient))
    lose(lenient, engine, execution_id, "started")
    with transaction(engine) as session:
        session.execute(LEASE_IS_LONG_OVER)
    assert reconciled(lenient.services) == []
    with transaction(engine) as session:
        session.execute(text("UPDATE ledger_step SET due_at = clock_timestamp() WHERE status = 'running'"))
    assert reconciled(lenient.services) == []
    step = run_one(lenient, execution_id, StepName.ROLL_BACK, runner="lives")
    assert (step.result or {})["outcome"] == "success"


def test_rounds_at_once_end_it_once(lenient: Office, engine: Engine) -> None:
    execution_id = lost(lenient, engine, "sent")
    with ThreadPoolExecutor(3) as pool:
        found = [each for done in pool.map(reconciled, [lenient.services] * 3) for each in done]
    assert not [each for each in found if each.failed]
    back = rollback(lenient, execution_id)
    assert back.outcome == "success"
    with transaction(engine) as session:
        assert [(entry.kind, entry.answer) for entry in entries(session, back.id)] == [
            ("intent", None),
            ("answer", "landed"),
        ]


@pytest.mark.parametrize("point", ["intent", "sent"])
def test_a_letter_that_is_replayed_finds_the_end_and_is_put_away(lenient: Office, engine: Engine, point: str) -> None:
    execution_id = lost(lenient, engine, point)
    reconciled(lenient.services)
    with transaction(engine) as session:
        letters = open_letters(session, name=StepName.ROLL_BACK)
        replay_letters(session, [letter.id for letter in letters])
    step = run_one(lenient, execution_id, StepName.ROLL_BACK, runner="replays")
    assert step.status is (StepStatus.DONE if point == "sent" else StepStatus.SKIPPED)
    assert len(lenient.cluster.requests.mutations()) == (point == "sent")
    with transaction(engine) as session:
        assert not open_letters(session, name=StepName.ROLL_BACK)
