"""The plan that takes a plan back, made from the plan alone so that it can be approved together with it."""

from dataclasses import replace

from countersign.targets.kubernetes.steps import INVERSE, patch_request
from countersign.targets.model import Impact, Plan, Step


def invert(plan: Plan) -> Plan | None:
    """Return the inverse, or None: a restart, a deletion and an eviction cannot be taken back.

    Its requests test that every field still is as the plan wrote it, so they change nothing once somebody else
    has changed one of them. Steps run in reverse order.
    """
    if not plan.steps or any(INVERSE not in step.before for step in plan.steps):
        return None
    count = len(plan.steps)
    steps = tuple(_inverted(step, count - index) for index, step in reversed(list(enumerate(plan.steps))))
    impact = plan.impact
    return replace(
        plan,
        steps=steps,
        impact=Impact(impact.affected_pods, impact.wanted_replicas, impact.current_replicas),
    )


def _inverted(step: Step, number: int) -> Step:
    return replace(
        step,
        key=f"{number}-back-{step.ref.namespace or '-'}/{step.ref.name}",
        title=f"take back: {step.title}",
        request=patch_request(step.request["path"], list(step.before[INVERSE])),
        # The versions after our change are not known when this is planned; equal fields are all the proof there is.
        before={
            "uid": step.before["uid"],
            "resourceVersion": None,
            "generation": None,
            "fields": step.wanted["fields"],
        },
        wanted={"fields": step.before["fields"]},
    )
