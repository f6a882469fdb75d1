"""Did an action on a cluster have its effect? One function per kind of action, pure over what was seen.

What the action wrote must be as written (`inspect` says so), a rollout must be complete as kubectl decides it, and
pods must not fare worse than in the baseline. Pods count for actions that make or remove pods; a crash after a
label was set has other causes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from countersign.actions.operation import Verb
from countersign.targets.criteria import Case, Criterion, Facts, Standing, harm_or_failure
from countersign.targets.kubernetes import pod_health as pods
from countersign.targets.kubernetes.rollout_status import KINDS, Progress, rollout_of
from countersign.targets.kubernetes.steps import OWNER, Effect
from countersign.targets.model import Landed, ObjectRef, Step
from countersign.texts import text

STILL_SAMPLES: Final = 3
"""At least as many samples without any change, half the window, make "not yet" a "not any more"."""
WARNINGS_TOLD: Final = 3
_ROLLING: Final = frozenset(
    {Verb.RESTART, Verb.UNDO, Verb.RESUME, Verb.SCALE, Verb.SET_IMAGE, Verb.SET_ENV, Verb.SET_RESOURCES}
)


def criteria(case: Case) -> list[Criterion]:
    """Return how every criterion of the plan stands."""
    found: list[Criterion] = []
    for ref in case.plan.refs:
        steps = [step for step in case.plan.steps if step.ref.key == ref.key]
        found += _of_object(case, ref, steps)
    found += _inspected(case)
    return found


def _of_object(case: Case, ref: ObjectRef, steps: list[Step]) -> Iterator[Criterion]:
    verb = case.plan.verb
    if verb == Verb.DELETE:
        for step in steps:
            yield from _deleted(case, step)
        return
    facts = case.now(ref.key)
    if not facts.get("exists"):
        yield Criterion(Standing.FAILED, text("criterion.gone", object=ref), final=True)
        return
    if verb == Verb.DRAIN:
        yield from _drained(case, ref, facts)
    elif ref.kind in KINDS and _rolls(verb, steps):
        yield from _workload(case, _Workload(ref, ref.key, ref.kind, facts))
    elif ref.kind == "Pod" and verb not in (Verb.LABEL, Verb.ANNOTATE):
        yield from _pod(case, ref, facts)
    if not steps:
        yield Criterion(Standing.MET, text("criterion.already_so", object=ref))


def _rolls(verb: str, steps: list[Step]) -> bool:
    """Tell whether the action makes or removes pods, or would have, had there been anything to do."""
    if verb in _ROLLING:
        return True
    fields = [at for step in steps for at in step.wanted.get("fields") or ()]
    return verb == Verb.PATCH and any(at.startswith(("/spec/template/", "/spec/replicas")) for at in fields)


@dataclass(frozen=True)
class _Workload:
    """A workload whose pods are looked at."""

    shown: object
    """What sentences call it."""
    key: str
    kind: str
    facts: Facts
    touched_as: str | None = None
    """Key of the object that was acted on, where it is another (the pod that it replaces)."""


def _workload(case: Case, one: _Workload) -> Iterator[Criterion]:
    facts, before = one.facts, case.was(one.key)
    healthy = pods.was_healthy(before)
    touched = one.touched_as or one.key
    rollout = rollout_of(one.kind, facts, generation=case.generations.get(one.key))
    warnings = pods.new_warnings(before, facts)
    trouble = list(_failing_pods(case, one, healthy)) + list(_restarts(case, one, healthy))
    down = _fewer_ready(case, one, rollout.progress)
    match rollout.progress:
        case Progress.COMPLETE:
            yield Criterion(Standing.MET, f"{one.shown}: {rollout.reason}")
        case Progress.FAILED:
            standing = harm_or_failure(case, touched, was_healthy=healthy) if trouble else Standing.FAILED
            yield Criterion(standing, f"{one.shown}: {rollout.reason}", final=True)
        case Progress.PAUSED:
            yield Criterion(Standing.FAILED, f"{one.shown}: {rollout.reason}", final=True)
        case Progress.BY_HAND:
            yield Criterion(Standing.UNTOLD, f"{one.shown}: {rollout.reason}")
        case Progress.WAITING:
            # What the cluster complains of does not come about by waiting; what is merely slow may.
            standing = Standing.FAILED if case.over and warnings else Standing.PENDING
            yield Criterion(standing, f"{one.shown}: {rollout.reason}")
    yield from trouble
    if down is not None:
        yield down
    for warning in warnings[:WARNINGS_TOLD]:
        yield Criterion(Standing.NOTE, text("criterion.warning", event=warning))


def _failing_pods(case: Case, one: _Workload, healthy: bool | None) -> Iterator[Criterion]:
    """Pods that the action made and that do not start; final once all of them have failed twice."""
    here = pods.pods_of(one.facts)
    known = {pod["uid"] for pod in pods.pods_of(case.was(one.key))}
    made = [pod for pod in here if pod["uid"] not in known]
    failing = pods.failing_of(made)
    spoilt = _spoilt(case, one, here, known)
    if not failing and not spoilt:
        return
    again = {each.uid for each in pods.failing_of(pods.pods_of(case.earlier(one.key)))}
    final = bool(failing) and len(failing) == len(made) and all(each.uid in again for each in failing)
    if not final and not case.over:
        standing = Standing.PENDING
    else:
        standing = harm_or_failure(case, one.touched_as or one.key, was_healthy=healthy)
    every = [*failing, *spoilt]
    reasons = ", ".join(sorted({each.reason for each in every}))
    names = ", ".join(each.name for each in every[:WARNINGS_TOLD])
    reason = text("criterion.pods_failing", object=one.shown, count=len(every), reasons=reasons, names=names)
    yield Criterion(standing, reason, final=final)


def _spoilt(case: Case, one: _Workload, here: list[Facts], known: set[str]) -> list[pods.Failing]:
    """Return pods that were there before, in order, and are failing."""
    before = {each.uid for each in pods.failing_of(pods.pods_of(case.was(one.key)))}
    return [each for each in pods.failing_of(here) if each.uid in known and each.uid not in before]


def _restarts(case: Case, one: _Workload, healthy: bool | None) -> Iterator[Criterion]:
    first = case.samples[0].get(one.key) if len(case.samples) > 1 else None
    found = pods.restarts_since(case.was(one.key), first, one.facts)
    if not found.count or case.was(one.key) is None:
        return
    reason = text("criterion.restarts", object=one.shown, count=found.count)
    if not found.rising:
        yield Criterion(Standing.NOTE, reason)
    elif case.over:
        yield Criterion(harm_or_failure(case, one.touched_as or one.key, was_healthy=healthy), reason)
    else:
        yield Criterion(Standing.PENDING, reason)


def _fewer_ready(case: Case, one: _Workload, progress: Progress) -> Criterion | None:
    """Fewer pods ready at the end than before, although as many are wanted, and nothing gets on any more."""
    before = case.was(one.key)
    if before is None or not before.get("exists") or not case.over:
        return None
    ready, was = pods.ready_of(one.facts), pods.ready_of(before)
    if ready >= min(was, pods.wanted_of(one.kind, one.facts)):
        return None
    if progress is Progress.WAITING and not _stands_still(case, one.key):
        return None
    standing = harm_or_failure(case, one.touched_as or one.key, was_healthy=True)
    return Criterion(standing, text("criterion.fewer_ready", object=one.shown, ready=ready, before=was))


def _stands_still(case: Case, key: str) -> bool:
    """Tell whether nothing has changed over the second half of the samples, of which there are enough."""
    half = case.samples[len(case.samples) // 2 :]
    return len(half) >= STILL_SAMPLES and len({pods.fingerprint(each.get(key)) for each in half}) == 1


def _pod(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Criterion]:
    pod, before = facts.get("pod") or {}, (case.was(ref.key) or {}).get("pod")
    if pod.get("ready"):
        yield Criterion(Standing.MET, text("criterion.pod_ready", object=ref))
        return
    reason = text("criterion.pod_not_ready", object=ref, reasons=", ".join(pod.get("waiting") or [pod.get("phase")]))
    if not case.over:
        yield Criterion(Standing.PENDING, reason)
        return
    ready_before = None if before is None else bool(before.get("ready"))
    yield Criterion(harm_or_failure(case, ref.key, was_healthy=ready_before), reason)


def _deleted(case: Case, step: Step) -> Iterator[Criterion]:
    facts, ref = case.now(step.ref.key), step.ref
    if facts.get("exists") and facts.get("uid") == step.before["uid"] and not facts.get("deletionTimestamp"):
        yield Criterion(Standing.FAILED, text("criterion.still_there", object=ref), final=True)
        return
    yield Criterion(Standing.MET, text("criterion.is_gone", object=ref))
    owner = step.before.get(OWNER)
    if ref.kind != "Pod":
        return
    key = ObjectRef(case.plan.system, owner["kind"], ref.namespace, owner["name"]).key if owner else ""
    replacing = case.now(key)
    if not owner or not replacing:
        yield Criterion(Standing.NOTE, text("criterion.nothing_replaces", object=ref))
    elif not replacing.get("exists"):
        yield Criterion(Standing.NOTE, text("criterion.owner_gone", owner=f"{owner['kind']} {owner['name']}"))
    elif owner["kind"] in KINDS:
        shown = f"{owner['kind']} {ref.namespace}/{owner['name']}"
        yield from _workload(case, _Workload(shown, key, owner["kind"], replacing, touched_as=ref.key))


def _drained(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Criterion]:
    if (facts.get("spec") or {}).get("unschedulable"):
        yield Criterion(Standing.MET, text("criterion.cordoned", object=ref))
    else:
        yield Criterion(Standing.FAILED, text("criterion.not_cordoned", object=ref), final=True)
    planned = {
        pod["uid"]
        for step in case.plan.steps
        if step.request["effect"] == Effect.WAIT_GONE.value
        for pod in step.request["pods"]
    }
    here = facts.get("pods") or ()
    left = [pod["name"] for pod in here if pod["uid"] in planned]
    if left:
        reason = text("criterion.pods_left", object=ref, count=len(left), names=", ".join(left[:WARNINGS_TOLD]))
        yield Criterion(Standing.FAILED if case.over else Standing.PENDING, reason)
    elif facts.get("pods_total", 0) > len(here):
        yield Criterion(Standing.UNTOLD, text("criterion.too_many_pods", object=ref))
    else:
        yield Criterion(Standing.MET, text("criterion.empty", object=ref))


def _inspected(case: Case) -> Iterable[Criterion]:
    """What the cluster says of each step: every field as it was written, everything deleted gone."""
    for step in case.plan.steps:
        inspection = (case.inspections or {}).get(step.key)
        if inspection is None:
            continue
        match inspection.landed:
            case Landed.YES:
                yield Criterion(Standing.MET, text("criterion.as_wanted", step=step.title))
            case Landed.NO:
                reason = text("criterion.not_as_wanted", step=step.title, reason=inspection.reason)
                yield Criterion(Standing.FAILED, reason, final=True)
            case Landed.UNCLEAR:
                reason = text("criterion.changed_since", step=step.title, reason=inspection.reason)
                yield Criterion(Standing.UNTOLD, reason)
