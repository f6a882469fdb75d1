"""The first four gates: pure decisions about a call, each raising GateRefused with its own code.

The fifth consumes an approval key and therefore belongs to the gateway itself.
"""

import fnmatch
from collections.abc import Mapping

from countersign.errors import GateRefused
from countersign.targets.hosts.fleet import HostSettings, nearest
from countersign.targets.hosts.rules import Caller, GatewayRules, ProjectGrant
from countersign.targets.hosts.tools.model import Scope, Tool


def first_gate(name: str, tools: Mapping[str, Tool]) -> Tool:
    """Gate 1: the tool exists."""
    tool = tools.get(name)
    if tool is None:
        close = nearest(name, tuple(tools))
        hint = f"did you mean {', '.join(close)}?" if close else f"there are {', '.join(tools)}"
        raise GateRefused(f"There is no host tool named {name!r}.", gate=1, gate_code="unknown_tool", hint=hint)
    return tool


def second_gate(caller: Caller, scope: Scope, rules: GatewayRules) -> None:
    """Gate 2: the agent holds the scope."""
    grants = [grant for grant in rules.agents if fnmatch.fnmatchcase(caller.agent, grant.agent)]
    if not grants:
        raise GateRefused(
            f"The agent {caller.agent!r} is granted nothing.",
            gate=2,
            gate_code="unknown_agent",
            hint="add the agent to the gateway's rules",
        )
    if not any(scope in grant.scopes for grant in grants):
        raise GateRefused(
            f"The agent {caller.agent!r} does not hold the scope {scope.value}.",
            gate=2,
            gate_code="scope_missing",
            hint="grant the scope in the gateway's rules, or have an agent that holds it perform the action",
        )


def third_gate(caller: Caller, host: HostSettings, rules: GatewayRules) -> None:
    """Gate 3: the environment and the host are allowed for the project."""
    grants = [grant for grant in rules.projects if grant.project == caller.project]
    if not grants:
        raise GateRefused(
            f"The project {caller.project!r} is granted no hosts.",
            gate=3,
            gate_code="unknown_project",
            hint="add the project to the gateway's rules",
        )
    here = [grant for grant in grants if host.environment in grant.environments]
    if not here:
        raise GateRefused(
            f"The project {caller.project!r} may not act in the environment {host.environment!r} of {host.name}.",
            gate=3,
            gate_code="environment_not_allowed",
            hint="environments are granted to projects in the gateway's rules",
        )
    if not any(_covers(grant, host) for grant in here):
        raise GateRefused(
            f"The project {caller.project!r} may not act on the host {host.name}.",
            gate=3,
            gate_code="host_not_allowed",
            hint="hosts are granted to projects by name pattern or group in the gateway's rules",
        )


def _covers(grant: ProjectGrant, host: HostSettings) -> bool:
    by_name = any(fnmatch.fnmatchcase(host.name, pattern) for pattern in grant.hosts)
    return by_name or bool(set(grant.groups) & set(host.groups))


def fourth_gate(tool: Tool, parameters: Mapping[str, str], *, trust: float | None) -> None:
    """Gate 4: the parameters are exactly the tool's, each fits its grammar; `trust` reaches the minimum if given."""
    for name in parameters:
        if name not in tool.parameters:
            takes = ", ".join(tool.parameters) or "no parameters"
            raise GateRefused(
                f"{tool.name} has no parameter {name!r}.",
                gate=4,
                gate_code="parameter_unknown",
                hint=f"it takes {takes}",
            )
    for name, parameter in tool.parameters.items():
        if name not in parameters:
            raise GateRefused(
                f"{tool.name} needs the parameter {name!r}.",
                gate=4,
                gate_code="parameter_missing",
                hint=f"it is {parameter.meaning}",
            )
        if not parameter.fits(parameters[name]):
            raise GateRefused(
                f"{tool.name}: {name} {parameters[name][:80]!r} is not {parameter.meaning}.",
                gate=4,
                gate_code="parameter_invalid",
                hint="names are taken literally: no options, no patterns, no paths",
            )
    if trust is not None and not trust >= tool.minimum_trust:
        raise GateRefused(
            f"{tool.name} needs a trust of {tool.minimum_trust}, this action has {trust:.2f}.",
            gate=4,
            gate_code="trust_too_low",
            hint="have a person approve it",
        )
