"""Adding a tool is one module and one registration: shown with a tool that exists only here."""

import re
from types import MappingProxyType

import pytest

from countersign.actions.operation import HostOperation
from countersign.errors import GateRefused
from countersign.targets.hosts.gateway import Gateway
from countersign.targets.hosts.target import HostTarget
from countersign.targets.hosts.tools.model import (
    Command,
    Facts,
    Parameter,
    Parameters,
    Reader,
    Scope,
    Tool,
    landed,
    not_landed,
)
from countersign.targets.hosts.tools.registry import TOOLS
from countersign.targets.model import Landed
from tests.intents import apply
from tests.targets_hosts.conftest import AT, CALLER, RULES, World


def _read(read: Reader, parameters: Parameters) -> Facts:
    return {"InvocationID": read("systemctl", "show", "--property=InvocationID", parameters["unit"]).stdout}


LEGACY = Tool(
    name="ssh_service_restart",
    scope=Scope.WRITE,
    minimum_trust=0.5,
    summary="restart with the old command",
    parameters={"unit": Parameter(re.compile(r"[a-z]+"), "a service's name")},
    title=lambda parameters: f"restart {parameters['unit']}",
    read=_read,
    commands=lambda parameters, before: (Command(("service", parameters["unit"], "restart")),),
    judge=lambda before, now: not_landed("same", now) if before == now else landed("another", now),
)


def test_a_new_tool_passes_every_gate_and_answers_every_question(world: World) -> None:
    operation = HostOperation(LEGACY.name, world.host.name, parameters=(("unit", "nginx"),))
    with pytest.raises(GateRefused, match="no host tool"):
        world.plan(LEGACY.name, unit="nginx")
    tools = MappingProxyType({**TOOLS, LEGACY.name: LEGACY})
    gateway = Gateway(rules=RULES, audit=world.audit.append, keys=world.keys, tools=tools)
    target = HostTarget(sessions=world.sessions, gateway=gateway, caller=CALLER, issue=world.keys.write)

    plan = target.plan(operation, target.resolve(operation), at=AT)
    assert target.preflight(plan) == ()
    apply(target, plan, plan.steps[0])

    assert target.inspect(plan, plan.steps[0]).landed is Landed.YES
    assert world.host.effects == ("restart nginx.service",)


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)
def test_every_tool_keeps_the_rules_of_the_house(tool: Tool) -> None:
    assert tool.summary
    assert 0 <= tool.minimum_trust <= 1
    assert all(not parameter.fits(value) for parameter in tool.parameters.values() for value in ("", "-x", "--help"))
    assert tool.scope is Scope.READ or tool.minimum_trust > 0
    assert tool.scope is Scope.READ or tool.wanted
