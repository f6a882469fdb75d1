"""The plan that takes a plan back, made from the plan alone so that it can be approved together with it."""

from collections.abc import Mapping
from dataclasses import replace

from countersign.targets.kubernetes.answers import JSON_PATCH
from countersign.targets.kubernetes.change import generation_test
from countersign.targets.kubernetes.requests import change
from countersign.targets.kubernetes.steps import INVERSE
from countersign.targets.model import Impact, Plan, Step


def invert(plan: Plan, *, generations: Mapping[str, int] | None = None) -> Plan | None:
    """Return the inverse, or None: a restart, a deletion and an eviction cannot be taken back.

    Its requests test that every field still is as the plan wrote it, so they change nothing once somebody else
    has changed one of them. Those of objects that count generations and are in `generations` (by ObjectRef.key) test
    that, too, so they change nothing once anything else of the object's spec was changed. Steps run in reverse order.
    """
    if not plan.steps or any(INVERSE not in step.before for step in plan.steps):
        return None
    count = len(plan.steps)
    expected = dict(generations or {})
    # A second step on an object meets the generation that the first one made, which nobody knows yet.
    steps = tuple(
        _inverted(step, count - index, expected.pop(step.ref.key, None))
        for index, step in reversed(list(enumerate(plan.steps)))
    )
    impact = plan.impact
    return replace(
        plan,
        steps=steps,
        impact=Impact(impact.affected_pods, impact.wanted_replicas, impact.current_replicas),
    )


def _inverted(step: Step, number: int, generation: int | None) -> Step:
    uid, *rest = step.before[INVERSE]
    expected = [] if generation is None else [generation_test(generation)]
    return replace(
        step,
        key=f"{number}-back-{step.ref.namespace or '-'}/{step.ref.name}",
        title=f"take back: {step.title}",
        request=change(step.request["path"], [uid, *expected, *rest], JSON_PATCH),
        # The versions after our change are not known when it is planned: equal fields are the proof then.
        before={
            "uid": step.before["uid"],
            "resourceVersion": None,
            "generation": None,
            "fields": step.wanted["fields"],
        },
        wanted={"fields": step.before["fields"]},
    )
