"""Pure: can this plan come of this host operation?"""

from countersign.actions.operation import HostOperation
from countersign.errors import TargetNotFound
from countersign.targets.hosts.fleet import FleetSettings, find_host
from countersign.targets.model import Plan


def not_of(operation: HostOperation, plan: Plan, fleet: FleetSettings) -> str | None:
    """Return what of `plan` cannot come of `operation`, as the end of a sentence; None where all of it can.

    The argument lists are made from the grammar again when they are sent (target.py), so they are not looked at here.
    """
    try:
        host, _exact = find_host(fleet, operation.host)
    except TargetNotFound:
        return f"the host {operation.host} is not in the fleet any more"
    if (plan.verb, plan.system) != (operation.tool, fleet.name):
        return f"it is for {plan.verb} on {plan.system}"
    if [(ref.kind, ref.name, ref.system) for ref in plan.refs] != [("Host", host.name, fleet.name)]:
        return f"it is about {', '.join(map(str, plan.refs))}"
    if len(plan.steps) > 1:
        return f"it has {len(plan.steps)} steps"
    for step in plan.steps:
        if step.ref.key != plan.refs[0].key:
            return f"{step.title!r} is on another host"
        if step.request.get("tool") != operation.tool or step.request.get("parameters") != dict(operation.parameters):
            return f"{step.title!r} asks for something else"
    return None
