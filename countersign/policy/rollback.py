"""What may be taken back by itself after a verification found that an action did harm."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from countersign.policy.operations import OperationPatterns, matches_any


class RollbackRule(BaseModel):
    """Which operations are rolled back, and where. Nothing, unless the policy says so."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    operations: OperationPatterns = ()
    clusters: tuple[Annotated[str, Field(min_length=1, max_length=253)], ...] = ("*",)
    """Hosts are on none and fit only *."""
    namespaces: tuple[Annotated[str, Field(min_length=1, max_length=253)], ...] = ("*",)
    """Every object of the plan has to be in one that fits; those without a namespace fit only *."""

    def on(self, cluster: str | None) -> Self:
        """Return the rule as it holds on `cluster`, or on hosts (None)."""
        return self if matches_any(cluster or "", self.clusters) else self.model_copy(update={"operations": ()})

    def allows(self, operation: str, namespaces: tuple[str | None, ...]) -> bool:
        """Tell whether `operation` on objects in `namespaces` may be rolled back."""
        return matches_any(operation, self.operations) and all(
            matches_any(namespace or "", self.namespaces) for namespace in namespaces
        )
