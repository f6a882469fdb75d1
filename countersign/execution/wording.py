"""What was done, in the field's own words."""

from collections.abc import Iterable, Mapping
from typing import Any

from countersign.masking import masked
from countersign.records.tables import Approval
from countersign.targets.model import ObjectRef, Plan
from countersign.texts import text

AGES = ((86_400, "days"), (3_600, "hours"), (60, "minutes"))


def age(seconds: float) -> str:
    """Return how long ago something was, in its largest unit: 40 s, 12 min, 5 h, 3 d."""
    for unit, name in AGES:
        if seconds >= unit:
            return text(f"age.{name}", count=int(seconds // unit))
    return text("age.seconds", count=max(0, int(seconds)))


def named(refs: Iterable[ObjectRef]) -> str:
    """Return the objects as people write them: deployment prod/api, node node-1."""
    return ", ".join(f"{ref.kind.lower()} {f'{ref.namespace}/' if ref.namespace else ''}{ref.name}" for ref in refs)


def named_in(target: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return what a request is about, as its signed target says it: for what ended before anything was resolved."""
    if not target:
        return ()
    if target.get("host"):
        return (f"Host {target['host']}",)
    where = f"{target['namespace']}/" if target.get("namespace") else ""
    return tuple(f"{target.get('kind', '')} {where}{name}".strip() for name in target.get("names") or ())


def to_do(reading: Mapping[str, Any], *, language: str | None = None) -> str:
    """Return what a request asks for in words, from what its action reads to (filing.placed)."""
    match reading["reading"]:
        case "operation" if reading.get("host"):
            return text(f"to_do.{reading['tool']}", language=language, host=reading["host"])
        case "operation":
            return text(f"to_do.{reading['operation']}", language=language, targets=_written(reading))
        case "investigation":
            return text("to_do.investigate", language=language, command=" ".join(reading["argv"]))
        case "observation":
            return text("to_do.observe", language=language)
        case _:
            return text("to_do.refused", language=language)


def _written(reading: Mapping[str, Any]) -> str:
    """Return the objects of a reading: deployment prod/api, as `named` says those that were found."""
    where = f"{reading['namespace']}/" if reading.get("namespace") else ""
    groups = ({"kind": reading["kind"], "names": reading["names"]}, *reading.get("also", ()))
    return ", ".join(f"{group['kind'].lower()} {where}{name}" for group in groups for name in group["names"])


def asked_for(approval: Approval, *, dry_run: bool) -> Mapping[str, Any]:
    """Return what the operation log says was asked for, known before anything is read or resolved."""
    target, parameters = approval.target or {}, approval.parameters or {}
    return {
        "action": masked(approval.action),
        "dry_run": dry_run,
        "operation": parameters.get("operation") or parameters.get("reading"),
        "target": ", ".join(named_in(target)) or None,
        "namespace": target.get("namespace"),
        "risk_level": approval.risk_level,
        "requested_by": approval.requested_by,
    }


def done(plan: Plan) -> str:
    """Return what was done to what, without a full stop: Restarted deployment prod/api."""
    refs = [ref for ref in plan.refs if ref not in plan.absent]
    if any(ref.kind == "Host" for ref in refs):
        return text("done.on_host", what="; ".join(dict.fromkeys(step.title for step in plan.steps)))
    return text(f"done.{plan.verb}", targets=named(refs))
