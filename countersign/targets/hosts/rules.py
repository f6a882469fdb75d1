"""What the gateway grants, and to whom: what is not granted is refused."""

from dataclasses import dataclass

from countersign.targets.hosts.tools.model import Scope


@dataclass(frozen=True)
class Caller:
    """On whose behalf a run calls tools."""

    project: str
    agent: str
    run: str
    """The execution's identifier; while planning, any name for the record."""
    role: str = "executor"
    trust: float = 0.0
    """0 to 1: what is known of this action's success; a person's signature counts as 1."""
    session: str | None = None
    incident: str | None = None
    approval: str | None = None


@dataclass(frozen=True)
class AgentGrant:
    """The scopes that an agent holds. `agent` is a name or a pattern with * (auto_approve*)."""

    agent: str
    scopes: frozenset[Scope]


@dataclass(frozen=True)
class ProjectGrant:
    """Where a project may act: in these environments, and there on hosts that fit a name pattern or a group."""

    project: str
    environments: tuple[str, ...]
    hosts: tuple[str, ...] = ("*",)
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class GatewayRules:
    """What is granted; what is not granted is refused."""

    agents: tuple[AgentGrant, ...]
    projects: tuple[ProjectGrant, ...]
    shadow: bool = False
    """Decide and record, and refuse to send anything that changes a host."""
