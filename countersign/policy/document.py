"""The policy: what may be done to what, when, by whose signature. One for people and for the auto-approver.

docs/policy.md describes every field. The defaults are those of a fresh installation and fail closed: there
are no signers, so nothing can be approved.
"""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from countersign.policy.break_glass_rule import BreakGlassRule
from countersign.policy.chat import ChatRule
from countersign.policy.clusters import ClusterRule
from countersign.policy.custom import CustomResource
from countersign.policy.freeze import FreezeWindow
from countersign.policy.gateway import HostGateway
from countersign.policy.names import identity
from countersign.policy.operations import OperationsPerRisk, matches_any
from countersign.policy.probes import Probe
from countersign.policy.problem import problem
from countersign.policy.risk import Count, RiskLevel, SignaturesPerRisk
from countersign.policy.roles import RoleGrant
from countersign.policy.rollback import RollbackRule
from countersign.policy.signers import AutoApprover, Signer

Patterns = tuple[Annotated[str, Field(min_length=1, max_length=253)], ...]
SYSTEM_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease")


class Policy(BaseModel):
    """What Countersign allows."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)

    kill_switch: bool = False
    """True refuses everything."""
    freeze_windows: tuple[FreezeWindow, ...] = ()
    protected_namespaces: Patterns = SYSTEM_NAMESPACES
    """Nothing is changed in these."""
    protected_hosts: Patterns = ()
    """Nothing is changed on these."""
    allowed_operations: OperationsPerRisk = OperationsPerRisk()
    max_scale_factor: Annotated[float, Field(ge=1)] | None = 5.0
    """Wanted replicas over current ones, where 0 current replicas count as 1. null is no limit."""
    max_scale_to: Count | None = 100
    """Replicas. null is no limit."""
    max_affected_pods: Count | None = 50
    """Pods that one action may disturb. null is no limit."""
    max_actions_per_target_and_hour: Annotated[int, Field(ge=1)] | None = 20
    """null is no limit."""
    accepted_findings: Patterns = ()
    """Codes of blocking preflight findings that do not block."""
    blocking_findings: Patterns = ()
    """Codes of preflight warnings that block; this wins over accepted_findings."""
    custom_resources: tuple[CustomResource, ...] = ()
    """Kinds of custom resources that may be annotated, labelled or patched, and which of their fields."""
    four_eyes: bool = True
    """Whoever made the request cannot sign it."""
    minimum_signatures: SignaturesPerRisk = SignaturesPerRisk()
    signers: tuple[Signer, ...] = ()
    chat: ChatRule | None = None
    """Where a click in a chat counts as a signature. null is nowhere."""
    roles: tuple[RoleGrant, ...] = ()
    """Who may do what through the API and the pages."""
    break_glass: BreakGlassRule | None = None
    """What two people with the role break_glass may lift for some minutes. null is nothing."""
    auto_approver: AutoApprover = AutoApprover()
    host_gateway: HostGateway = HostGateway()
    rollback: RollbackRule = RollbackRule()
    """What is taken back by itself when verification finds that it did harm."""
    probes: tuple[Probe, ...] = ()
    """What is asked beside the target to verify an action."""
    per_cluster: tuple[ClusterRule, ...] = ()
    """The first rule that fits a cluster holds there, in place of the values above."""

    @model_validator(mode="after")
    def _one_owner_per_key(self) -> Self:
        owners: dict[str, str] = {}
        for signer in self.signers:
            if signer.key_id in owners:
                raise problem(
                    f"signers {owners[signer.key_id]!r} and {signer.name!r} have the same key {signer.key_id}",
                    "give every entry its own key, so that two signatures are two people",
                )
            owners[signer.key_id] = signer.name
        return self

    @model_validator(mode="after")
    def _one_probe_per_name(self) -> Self:
        names = [probe.name for probe in self.probes]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise problem(f"two probes are called {twice[0]!r}", "give every probe its own name")
        return self

    @model_validator(mode="after")
    def _auto_approver_has_a_key(self) -> Self:
        if self.auto_approver.enabled and not any(self.auto_approver.is_it(signer.name) for signer in self.signers):
            raise problem(
                f"auto_approver is enabled, but no signer is called {self.auto_approver.signer!r}",
                f"add an entry to signers: name: {self.auto_approver.signer}, hmac: <key id>",
            )
        return self

    def at_cluster(self, cluster: str | None) -> Self:
        """Return the policy as it holds on `cluster`, or on hosts (None)."""
        rule = next((each for each in self.per_cluster if cluster is not None and each.fits(cluster)), None)
        windows = (window.on(cluster) for window in self.freeze_windows)
        return self.model_copy(
            update={
                "freeze_windows": tuple(window for window in windows if window is not None),
                "probes": tuple(probe for probe in self.probes if matches_any(cluster or "", probe.clusters)),
                "rollback": self.rollback.on(cluster),
                **(rule.given if rule is not None else {}),
            }
        )

    def signer_with_key(self, key_id: str) -> Signer | None:
        """Return the entry whose key has this id."""
        return next((signer for signer in self.signers if signer.key_id == key_id), None)

    def keys_of(self, name: str) -> tuple[Signer, ...]:
        """Return the entries of the person called `name`."""
        return tuple(signer for signer in self.signers if identity(signer.name) == identity(name))

    def required_signatures(self, risk: RiskLevel, requested: int) -> int:
        """Return how many signatures a request needs: its own number, the policy's for the risk, and never 0."""
        return max(requested, self.minimum_signatures.at(risk), 1)
