"""What is known of an executed plan before anybody looks at its target, and which criteria it is judged by."""

from countersign.aftermath.verification.collection import Criteria
from countersign.execution.progress import Progress, StepResult
from countersign.records.tables import EvidenceSnapshot
from countersign.targets.criteria import Case
from countersign.targets.hosts.criteria import criteria as host_criteria
from countersign.targets.kubernetes.criteria import criteria as kubernetes_criteria
from countersign.targets.model import Plan


def case_of(plan: Plan, baseline: EvidenceSnapshot | None, progress: Progress) -> Case:
    """Return what is known before the first look."""
    may_have_landed = (StepResult.LANDED, StepResult.OPEN)
    touched = {step.ref.key for step in plan.steps if progress.results.get(step.key) in may_have_landed}
    before = None if baseline is None else baseline.objects
    generations = generations_made(plan, progress)
    return Case(plan, before, (), over=False, touched=frozenset(touched), generations=generations)


def generations_made(plan: Plan, progress: Progress) -> dict[str, int]:
    """Return, by ObjectRef.key, the generation that our change made, where the target's answer told it."""
    return {
        step.ref.key: generation
        for step in plan.steps
        if isinstance(generation := (progress.details.get(step.key) or {}).get("generation"), int)
    }


def on_hosts(plan: Plan) -> bool:
    """Tell whether the plan acts on hosts."""
    return any(ref.kind == "Host" for ref in plan.refs)


def criteria_of(plan: Plan) -> Criteria:
    """Return the criteria of the kind of target that the plan acts on."""
    return host_criteria if on_hosts(plan) else kubernetes_criteria
