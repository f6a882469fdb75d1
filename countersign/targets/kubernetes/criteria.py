"""Did an action on a cluster have its effect? One function per kind of action, pure over what was seen.

What the action wrote must be as written (`inspect` says so), a rollout must be complete as kubectl decides it, and
pods must not fare worse than in the baseline. Pods count for actions that make or remove pods; a crash after a
label was set has other causes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from countersign.actions.operation import Verb
from countersign.targets.criteria import Case, Criterion, Facts, Standing, harm_or_failure, without_blame
from countersign.targets.kubernetes import pod_health as pods
from countersign.targets.kubernetes.job_criteria import created_criteria, schedule_criteria, suspends
from countersign.targets.kubernetes.requests import Effect
from countersign.targets.kubernetes.rollout_status import KINDS, Progress, keeps_every_pod, rollout_of
from countersign.targets.kubernetes.steps import OWNER, lets_go
from countersign.targets.model import Landed, ObjectRef, Step
from countersign.texts import text

RISES_THAT_HARM: Final = 2
"""A container that is started again once may have waited for something; one that is again and again does not run."""
WARNINGS_TOLD: Final = 3
_SAME_TEMPLATE: Final = frozenset({Verb.SCALE, Verb.RESUME, Verb.DELETE})
_ROLLING: Final = frozenset(
    {Verb.RESTART, Verb.UNDO, Verb.RESUME, Verb.SCALE, Verb.SET_IMAGE, Verb.SET_ENV, Verb.SET_RESOURCES}
)


def criteria(case: Case) -> list[Criterion]:
    """Return how every criterion of the plan stands."""
    found: list[Criterion] = []
    for ref in case.plan.refs:
        steps = [step for step in case.plan.steps if step.ref.key == ref.key]
        if case.plan.verb == Verb.CREATE_JOB:
            # The steps are about the Job; its CronJob is only read.
            made = [each for step in case.plan.steps for each in created_criteria(case, step)]
            found += [*made, *_inspected(case, list(case.plan.steps))]
            continue
        judged = [*_of_object(case, ref, steps), *_inspected(case, steps)]
        found += _by_others(case, ref, steps, judged)
    return found


def _by_others(case: Case, ref: ObjectRef, steps: list[Step], judged: list[Criterion]) -> list[Criterion]:
    """What is wrong with an object that somebody changed since may be theirs: it is told, and blamed on nobody."""
    told = without_blame(judged)
    keys = [key for step in steps if (key := _owner_key(case, step)) is not None]
    if case.plan.verb != Verb.DELETE:
        keys = [ref.key]
    if told == judged or not any(_changed_since(case, key, steps) for key in keys):
        return judged
    return [Criterion(Standing.UNTOLD, text("criterion.by_others", object=ref)), *told]


def _changed_since(case: Case, key: str, steps: list[Step]) -> bool:
    """Tell whether an object's spec was changed by somebody else after our change."""
    live, before = case.now(key).get("generation"), (case.was(key) or {}).get("generation")
    ours = case.generations.get(key)
    if live is None:
        return False
    if before is not None and case.now(key).get("uid") != (case.was(key) or {}).get("uid"):
        return True
    if ours is not None:
        return bool(live != ours)
    # The answer that told our generation may be lost: each of our requests makes one at most.
    sent = sum(step.ref.key == key for step in steps) if key in case.touched else 0
    return before is not None and live > before + sent


def _of_object(case: Case, ref: ObjectRef, steps: list[Step]) -> Iterator[Criterion]:
    verb = case.plan.verb
    if verb == Verb.DELETE:
        for step in steps:
            yield from _deleted(case, step)
        if not steps:
            yield _not_sent(case, ref)
        return
    facts = case.now(ref.key)
    if any(lets_go(step) for step in steps):
        yield from _let_go(case, ref, steps, facts)
        return
    if not facts.get("exists"):
        yield Criterion(Standing.FAILED, text("criterion.gone", object=ref), final=True)
        return
    if verb == Verb.DRAIN:
        yield from _drained(case, ref, facts)
    elif ref.kind in KINDS and _rolls(verb, steps):
        yield from _workload(case, _Workload(ref, ref.key, ref.kind, facts))
    elif any(map(suspends, steps)):
        yield from schedule_criteria(case, ref, next(filter(suspends, steps)))
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
    scaled = case.plan.verb == Verb.SCALE
    rollout = rollout_of(one.kind, facts, generation=case.generations.get(one.key), scaled=scaled)
    reason = f"{one.shown}: {rollout.reason}"
    warnings = pods.new_warnings(before, facts)
    blamed = [*_failing_pods(case, one), *_restarts(case, one)]
    match rollout.progress:
        case Progress.COMPLETE if case.plan.verb not in _SAME_TEMPLATE and keeps_every_pod(one.kind, facts):
            yield Criterion(Standing.FAILED, text("criterion.partition_keeps", object=one.shown), final=True)
        case Progress.COMPLETE:
            yield Criterion(Standing.MET, reason)
        case Progress.FAILED:
            blamed += _fewer_ready(case, one)
            harm = any(each.standing is Standing.HARM for each in blamed)
            yield Criterion(Standing.HARM if harm else Standing.FAILED, reason, final=True)
        case Progress.PAUSED:
            yield Criterion(Standing.FAILED, reason, final=True)
        case Progress.BY_HAND:
            yield Criterion(Standing.UNTOLD, reason)
        case Progress.WAITING:
            # What the cluster complains of does not come about by waiting; what is merely slow may.
            standing = Standing.FAILED if case.over and warnings else Standing.PENDING
            yield Criterion(standing, reason, under_way=True)
    yield from blamed
    if facts.get("pods_by_labels"):
        yield Criterion(Standing.NOTE, text("criterion.pods_by_labels", object=one.shown))
    if facts.get("warnings_unreadable"):
        yield Criterion(Standing.NOTE, text("criterion.warnings_unreadable", object=one.shown))
    for warning in warnings[:WARNINGS_TOLD]:
        yield Criterion(Standing.NOTE, text("criterion.warning", event=warning))


def _harm(case: Case, one: _Workload) -> Standing:
    """Return what lasting trouble with pods that we made counts as."""
    if one.facts.get("pods_by_labels"):
        return Standing.FAILED
    healthy = pods.was_healthy(case.was(one.key))
    return harm_or_failure(case, one.touched_as or one.key, was_healthy=healthy)


def _made(case: Case, one: _Workload) -> list[Facts]:
    changed = case.plan.verb not in _SAME_TEMPLATE
    return pods.made_since(case.was(one.key), one.facts, template_changed=changed)


def _seen(case: Case, key: str) -> list[Facts | None]:
    return [sample.get(key) for sample in case.samples]


def _failing_pods(case: Case, one: _Workload) -> Iterator[Criterion]:
    """Pods that do not start: for good, where the action made them and they stay so; final where all of them do."""
    every = pods.failing_of(pods.pods_of(one.facts))
    before = {each.uid for each in pods.failing_of(pods.pods_of(case.was(one.key)))}
    every = [each for each in every if each.uid not in before]
    if not every:
        return
    made = _made(case, one)
    ours = pods.failing_of(made)
    lasting = [each for each in ours if case.lasted(pods.failing_since(each.uid, _seen(case, one.key)))]
    reasons = ", ".join(sorted({each.reason for each in every}))
    names = ", ".join(each.name for each in every[:WARNINGS_TOLD])
    reason = text("criterion.pods_failing", object=one.shown, count=len(every), reasons=reasons, names=names)
    if not ours:
        yield Criterion(Standing.NOTE, reason)
        return
    final = len(lasting) == len(made)
    if not final and not case.over:
        yield Criterion(Standing.PENDING, reason)
    else:
        yield Criterion(_harm(case, one) if lasting else Standing.FAILED, reason, final=final)


def _restarts(case: Case, one: _Workload) -> Iterator[Criterion]:
    """Restarts are told; they count where pods that the action made are started again and again as we look."""
    count = pods.restarts_since(case.was(one.key), one.facts)
    if not count or case.was(one.key) is None:
        return
    reason = text("criterion.restarts", object=one.shown, count=count)
    uids = [pod["uid"] for pod in _made(case, one)]
    if pods.times_restarted(uids, _seen(case, one.key)) < RISES_THAT_HARM:
        yield Criterion(Standing.NOTE, reason)
    else:
        yield Criterion(_harm(case, one) if case.over else Standing.PENDING, reason)


def _fewer_ready(case: Case, one: _Workload) -> Iterator[Criterion]:
    """Fewer pods ready than before although as many are wanted, once the cluster has given the rollout up.

    Before that, a strategy may well take pods away whose replacements merely take long to start.
    """
    before = case.was(one.key)
    if before is None or not before.get("exists"):
        return
    ready, was = pods.ready_of(one.facts), pods.ready_of(before)
    if ready < min(was, pods.wanted_of(one.kind, one.facts)):
        standing = harm_or_failure(case, one.touched_as or one.key, was_healthy=True)
        yield Criterion(standing, text("criterion.fewer_ready", object=one.shown, ready=ready, before=was))


def _pod(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Criterion]:
    pod, before = facts.get("pod") or {}, (case.was(ref.key) or {}).get("pod")
    if pod.get("ready"):
        yield Criterion(Standing.MET, text("criterion.pod_ready", object=ref))
        return
    reason = text("criterion.pod_not_ready", object=ref, reasons=", ".join(pod.get("waiting") or [pod.get("phase")]))
    ready_before = None if before is None else bool(before.get("ready"))
    seen = [{"pods": [each["pod"]]} if each and each.get("pod") else None for each in _seen(case, ref.key)]
    failing = bool(pods.failing_of([pod]))
    if not case.over or (ready_before and not failing):
        yield Criterion(Standing.PENDING, reason, under_way=True)
    elif failing and case.lasted(pods.failing_since(pod["uid"], seen)):
        yield Criterion(harm_or_failure(case, ref.key, was_healthy=ready_before), reason)
    else:
        yield Criterion(Standing.FAILED, reason)


def _deleted(case: Case, step: Step) -> Iterator[Criterion]:
    facts, ref = case.now(step.ref.key), step.ref
    if facts.get("exists") and facts.get("uid") == step.before["uid"] and not facts.get("deletionTimestamp"):
        yield Criterion(Standing.FAILED, text("criterion.still_there", object=ref), final=True)
        return
    if (held := _held(case, ref, step.before["uid"])) is not None:
        yield held
        return
    yield Criterion(Standing.MET, text("criterion.is_gone", object=ref))
    owner, key = step.before.get(OWNER), _owner_key(case, step)
    if ref.kind != "Pod":
        return
    replacing = case.now(key or "")
    if not owner or not replacing:
        yield Criterion(Standing.NOTE, text("criterion.nothing_replaces", object=ref))
    elif not replacing.get("exists"):
        yield Criterion(Standing.NOTE, text("criterion.owner_gone", owner=f"{owner['kind']} {owner['name']}"))
    elif key and owner["kind"] in KINDS:
        shown = f"{owner['kind']} {ref.namespace}/{owner['name']}"
        yield from _workload(case, _Workload(shown, key, owner["kind"], replacing, touched_as=ref.key))


def _not_sent(case: Case, ref: ObjectRef) -> Criterion:
    """Judge a deletion for which nothing was sent: the object was not there, or was being deleted already."""
    return _held(case, ref, ref.uid) or Criterion(Standing.MET, text("criterion.is_gone", object=ref))


def _held(case: Case, ref: ObjectRef, uid: str | None) -> Criterion | None:
    """Say what keeps an object that is being deleted, None where nothing does or it is gone."""
    facts = case.now(ref.key)
    held = facts.get("finalizers")
    if not held or not facts.get("exists") or facts.get("uid") != uid:
        return None
    standing = Standing.FAILED if case.over else Standing.PENDING
    return Criterion(standing, text("criterion.held", object=ref, finalizers=", ".join(held)))


def _let_go(case: Case, ref: ObjectRef, steps: list[Step], facts: Facts) -> Iterator[Criterion]:
    """Judge a change that took finalizers from an object that is being deleted: it is meant to go."""
    if not facts.get("exists") or facts.get("uid") not in {step.before["uid"] for step in steps}:
        yield Criterion(Standing.MET, text("criterion.is_gone", object=ref))
        return
    held = ", ".join(facts.get("finalizers") or ()) or text("criterion.nothing_listed")
    standing = Standing.FAILED if case.over else Standing.PENDING
    yield Criterion(standing, text("criterion.held", object=ref, finalizers=held))


def _owner_key(case: Case, step: Step) -> str | None:
    """Return the key of what replaces the pod that a step deletes."""
    owner = step.before.get(OWNER)
    if case.plan.verb != Verb.DELETE or not owner:
        return None
    return ObjectRef(case.plan.system, owner["kind"], step.ref.namespace, owner["name"]).key


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


def _inspected(case: Case, steps: list[Step]) -> Iterable[Criterion]:
    """What the cluster says of each step: every field as it was written, everything deleted gone."""
    for step in steps:
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
