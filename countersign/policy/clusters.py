"""What holds on some clusters in place of the policy's general values."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from countersign.policy.operations import OperationsPerRisk, matches_any
from countersign.policy.problem import problem
from countersign.policy.risk import Count, SignaturesPerRisk

Patterns = tuple[Annotated[str, Field(min_length=1, max_length=253)], ...]


class ClusterRule(BaseModel):
    """The values for the clusters that fit. What is not given keeps the general value; null is no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)

    clusters: Patterns
    protected_namespaces: Patterns = ()
    allowed_operations: OperationsPerRisk = OperationsPerRisk()
    minimum_signatures: SignaturesPerRisk = SignaturesPerRisk()
    max_scale_factor: Annotated[float, Field(ge=1)] | None = None
    max_scale_to: Count | None = None
    max_affected_pods: Count | None = None
    max_actions_per_target_and_hour: Annotated[int, Field(ge=1)] | None = None
    accepted_findings: Patterns = ()
    blocking_findings: Patterns = ()

    @field_validator("clusters")
    @classmethod
    def _names_some(cls, value: Patterns) -> Patterns:
        if not value:
            raise problem("clusters is empty, so the rule holds nowhere", 'name some, e.g. ["prod*"]')
        return value

    def fits(self, cluster: str) -> bool:
        """Tell whether the rule is about `cluster`."""
        return matches_any(cluster, self.clusters)

    @property
    def given(self) -> dict[str, Any]:
        """Return the values that the rule gives, by the policy's names for them."""
        return {name: getattr(self, name) for name in self.model_fields_set - {"clusters"}}
