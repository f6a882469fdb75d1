"""A rollback is for what is still wrong, and still ours: nothing that recovered, and nothing that others changed."""

import pytest

from countersign.execution.report import Report
from countersign.policy.probes import HttpProbe, Probe
from countersign.records.states import StepName, StepStatus
from countersign.records.tables import LedgerStep
from sandbox.cluster.behaviours import Conduct
from sandbox.cluster.faults import Effect, Fault
from tests.aftermath.following import execution_id_of, run_one
from tests.aftermath.rollback.conftest import BAD, GOOD, image_of, made_worse, recovers, touched, web
from tests.aftermath.rollback.test_killed import at_point
from tests.aftermath.verification.test_probes import Site, site
from tests.execution.conftest import Office

__all__ = ["site"]


def rolled_back(office: Office, report: Report) -> LedgerStep:
    return run_one(office, execution_id_of(report), StepName.ROLL_BACK)


def test_what_has_recovered_since_is_left_alone(lenient: Office) -> None:
    report = made_worse(lenient)
    recovers(lenient)
    step = rolled_back(lenient, report)
    assert step.status is StepStatus.SKIPPED, step.result
    assert "healthy" in (step.reason or "")
    assert (image_of(lenient), lenient.cluster.requests.mutations()) == (BAD, [])


def test_what_a_probe_still_finds_wrong_is_taken_back(lenient: Office, site: Site) -> None:
    probe = Probe(name="page", http=HttpProbe(url=f"{site.url}/health"), operations=("set_image",))
    office = lenient.with_policy(lenient.services.policy.model_copy(update={"probes": (probe,)}))
    site.answers("/health")
    report = made_worse(office)
    recovers(office)
    site.answers("/health", status=500)
    assert (rolled_back(office, report).result or {})["outcome"] == "success"
    assert image_of(office) == GOOD


def test_what_somebody_is_at_work_on_is_left_alone_even_if_our_fields_are_as_we_wrote_them(lenient: Office) -> None:
    report = made_worse(lenient)
    touched(lenient)
    step = rolled_back(lenient, report)
    assert step.status is StepStatus.SKIPPED, step.result
    assert "changed" in (step.reason or "")
    assert (image_of(lenient), lenient.cluster.requests.mutations()) == (BAD, [])


def test_the_same_is_told_where_the_answer_of_the_action_was_lost(lenient: Office) -> None:
    lenient.cluster.faults.add(Fault(effect=Effect.RESET_AFTER, method="PATCH"))
    report = made_worse(lenient)
    touched(lenient)
    step = rolled_back(lenient, report)
    assert step.status is StepStatus.SKIPPED, step.result
    assert lenient.cluster.requests.mutations() == []


def test_what_is_ours_is_taken_back_where_the_answer_of_the_action_was_lost(lenient: Office) -> None:
    lenient.cluster.faults.add(Fault(effect=Effect.RESET_AFTER, method="PATCH"))
    step = rolled_back(lenient, made_worse(lenient))
    assert (step.result or {})["outcome"] == "success"
    assert image_of(lenient) == GOOD


def test_what_somebody_begins_to_work_on_at_the_last_moment_is_left_alone(
    lenient: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = made_worse(lenient)
    at_point(monkeypatch, "intent", lambda: touched(lenient))
    step = rolled_back(lenient, report)
    assert (step.result or {})["outcome"] == "failed"
    assert (image_of(lenient), lenient.cluster.requests.mutations()) == (BAD, [])


def test_a_lost_answer_is_told_from_a_change_by_others(lenient: Office) -> None:
    report = made_worse(lenient)
    before = web(lenient)["metadata"]["generation"]
    lenient.cluster.faults.add(Fault(effect=Effect.RESET_AFTER))
    assert (rolled_back(lenient, report).result or {})["outcome"] == "success"
    assert web(lenient)["metadata"]["generation"] == before + 1
    assert len(lenient.cluster.requests.mutations()) == 1


def test_what_looks_well_now_and_then_is_taken_back(lenient: Office) -> None:
    report = made_worse(lenient)
    recovers(lenient, Conduct.FLAPPING)
    step = rolled_back(lenient.with_settings(verify_collect_seconds=3), report)
    assert (step.result or {})["outcome"] == "success"
    assert image_of(lenient) == GOOD
