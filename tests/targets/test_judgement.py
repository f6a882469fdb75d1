"""Did it land? The judgement, from the plan's step and the object as it is now."""

from typing import Any

import pytest

from countersign.actions.operation import ScaleParameters
from countersign.targets.kubernetes.answers import JSON_PATCH
from countersign.targets.kubernetes.change import difference, guarded
from countersign.targets.kubernetes.inspect import judge_change, judge_removal
from countersign.targets.kubernetes.plan_delete import DeleteParameters, delete_options
from countersign.targets.kubernetes.plan_metadata import MetadataParameters, with_metadata
from countersign.targets.kubernetes.plan_scale import scaled
from countersign.targets.kubernetes.requests import change
from countersign.targets.kubernetes.steps import delete_step
from countersign.targets.model import Landed, ObjectRef, Step
from tests.targets.objects import deployment, pod

MADE_AT = "2026-05-01T12:00:00Z"
REF = ObjectRef("c", "Deployment", "default", "api", "uid-api")


def step_of(live: Any, wanted: Any) -> Step:
    found = difference(live, wanted)
    return Step(
        key="1",
        ref=REF,
        title="x",
        request=change("/x", guarded(found, live), JSON_PATCH),
        before={
            "uid": live["metadata"]["uid"],
            "resourceVersion": live["metadata"]["resourceVersion"],
            "generation": live["metadata"]["generation"] if found.outside_metadata else None,
            "fields": {field.at: field.before for field in found.fields},
        },
        wanted={"fields": {field.at: field.after for field in found.fields}},
    )


SCALE = step_of(deployment(), scaled(deployment(), ScaleParameters(5), of="x"))
LABEL = step_of(deployment(), with_metadata(deployment(), "labels", MetadataParameters((("a", "b"),)), of="x"))


def now(replicas: int = 2, **metadata: Any) -> Any:
    live = deployment(replicas=replicas)
    live["metadata"].update(metadata)
    return live


@pytest.mark.parametrize(
    ("step", "live", "landed"),
    [
        (SCALE, now(5, generation=5, resourceVersion="101"), Landed.YES),
        (SCALE, now(2), Landed.NO),
        (SCALE, now(2, resourceVersion="150"), Landed.NO),
        (SCALE, now(2, generation=6, resourceVersion="150"), Landed.UNCLEAR),
        # One change since the plan, and ours would show.
        (SCALE, now(7, generation=5, resourceVersion="150"), Landed.NO),
        (SCALE, now(2, generation=5, resourceVersion="150"), Landed.NO),
        (SCALE, now(7, generation=6, resourceVersion="150"), Landed.UNCLEAR),
        (SCALE, now(5, uid="uid-new"), Landed.UNCLEAR),
        (LABEL, now(labels={"a": "b"}, resourceVersion="101"), Landed.YES),
        (LABEL, now(), Landed.NO),
        (LABEL, now(resourceVersion="101"), Landed.UNCLEAR),
        (LABEL, now(labels={"a": "c"}, resourceVersion="101"), Landed.UNCLEAR),
    ],
)
def test_wanted_is_landed_untouched_is_not_landed_and_the_rest_cannot_be_told(
    step: Step, live: Any, landed: Landed
) -> None:
    assert judge_change(step, live, made_at=MADE_AT).landed is landed


@pytest.mark.parametrize(
    ("writers", "landed"),
    [
        ([("2026-05-01T12:00:03Z", {"f:status": {}})], Landed.NO),
        ([("2026-05-01T11:00:00Z", {"f:metadata": {}}), ("2026-05-01T12:00:03Z", {"f:status": {}})], Landed.NO),
        ([("2026-05-01T12:00:03Z", {"f:metadata": {}})], Landed.UNCLEAR),
        ([("2026-05-01T12:00:00Z", {"f:status": {}, "f:spec": {}})], Landed.UNCLEAR),
    ],
)
def test_status_writers_do_not_blur_a_change_of_labels(writers: list[Any], landed: Landed) -> None:
    entries = [{"manager": "m", "time": time, "fieldsV1": fields} for time, fields in writers]
    live = now(resourceVersion="101", managedFields=entries)
    assert judge_change(LABEL, live, made_at=MADE_AT).landed is landed


def deletion(**parameters: Any) -> Step:
    options = delete_options("uid-x", DeleteParameters(**parameters))
    step = delete_step(REF, pod("x"), options, number=1, path="/x")
    assert step is not None
    return step


@pytest.mark.parametrize(
    ("step", "live", "landed"),
    [
        (deletion(), None, Landed.YES),
        (deletion(), pod("x", deletionTimestamp="2026-05-01T12:00:01Z"), Landed.YES),
        (deletion(), pod("x"), Landed.NO),
        (deletion(force=True), pod("x", deletionTimestamp="2026-05-01T12:00:01Z"), Landed.NO),
        (deletion(force=True), None, Landed.YES),
    ],
)
def test_a_deletion_landed_when_the_very_object_is_going(step: Step, live: Any, landed: Landed) -> None:
    assert judge_removal(step, live).landed is landed


def test_what_is_already_going_is_not_deleted_again_unless_by_force() -> None:
    going = pod("x", deletionTimestamp="2026-05-01T12:00:01Z")
    assert delete_step(REF, going, delete_options("u", DeleteParameters()), number=1, path="/x") is None
    assert delete_step(REF, going, delete_options("u", DeleteParameters(force=True)), number=1, path="/x") is not None
