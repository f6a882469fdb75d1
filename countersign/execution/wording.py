"""What was done, in the field's own words."""

from collections.abc import Iterable

from countersign.targets.model import ObjectRef, Plan
from countersign.texts import text


def named(refs: Iterable[ObjectRef]) -> str:
    """Return the objects as people write them: deployment prod/api, node node-1."""
    return ", ".join(f"{ref.kind.lower()} {f'{ref.namespace}/' if ref.namespace else ''}{ref.name}" for ref in refs)


def done(plan: Plan) -> str:
    """Return what was done to what, without a full stop: Restarted deployment prod/api."""
    refs = [ref for ref in plan.refs if ref not in plan.absent]
    if any(ref.kind == "Host" for ref in refs):
        return text("done.on_host", what="; ".join(dict.fromkeys(step.title for step in plan.steps)))
    return text(f"done.{plan.verb}", targets=named(refs))
