"""What the host gateway grants: which agents hold which scopes, and where a project may act."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

Patterns = tuple[str, ...]


class HostScope(StrEnum):
    """What an agent must hold to use a host tool. Each includes none of the others."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class AgentScopes(BaseModel):
    """The scopes that requests of `agent` (a requester's name or a pattern, e.g. auto_approve*) hold."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    agent: str
    scopes: tuple[HostScope, ...]


class ProjectHosts(BaseModel):
    """Where a project may act: in these environments, and there on hosts that fit a name pattern or a group."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    project: str = "default"
    environments: tuple[str, ...]
    hosts: Patterns = ("*",)
    groups: Patterns = ()


class HostGateway(BaseModel):
    """The grants of the host gateway. What is not granted is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    project: str = "default"
    """The project that this installation acts for."""
    agents: tuple[AgentScopes, ...] = (AgentScopes(agent="*", scopes=(HostScope.READ, HostScope.WRITE)),)
    projects: tuple[ProjectHosts, ...] = ()
    shadow: bool = False
    """Decide and record, and send nothing that changes a host."""
