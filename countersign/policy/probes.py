"""Probes: what is asked beside the target to find out whether an action did good. Named in the policy alone.

An approval may name a probe of the policy, never an address: what Countersign requests is for the policy's owner to
say.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from countersign.policy.operations import ALL, OperationPatterns, matches_any
from countersign.policy.problem import problem

Patterns = tuple[Annotated[str, Field(min_length=1, max_length=253)], ...]
LONGEST_SECONDS = 10.0


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError:
        raise problem(f"{value!r} is not an address", "write e.g. https://api.example.com/health") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise problem(f"{value!r} is not an http or https address", "write e.g. https://api.example.com/health")
    if parts.username is not None or parts.password is not None:
        raise problem("an address must not hold a password", "let the probe ask something that needs none")
    return value


Address = Annotated[str, Field(max_length=2000), AfterValidator(_address)]
Seconds = Annotated[float, Field(gt=0, le=LONGEST_SECONDS)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


class HttpProbe(_Part):
    """A page that has to answer as expected."""

    url: Address
    method: Literal["GET"] = "GET"
    status: Annotated[int, Field(ge=100, le=599)] = 200
    contains: Annotated[str, Field(max_length=1000)] = ""
    """Text that the answer must have."""
    timeout_seconds: Seconds = 5.0


class Comparison(StrEnum):
    """How a value is compared with the threshold."""

    BELOW = "<"
    AT_MOST = "<="
    ABOVE = ">"
    AT_LEAST = ">="
    EQUAL = "=="

    def holds(self, value: float, threshold: float) -> bool:
        """Tell whether `value` compares so with `threshold`."""
        match self:
            case Comparison.BELOW:
                return value < threshold
            case Comparison.AT_MOST:
                return value <= threshold
            case Comparison.ABOVE:
                return value > threshold
            case Comparison.AT_LEAST:
                return value >= threshold
            case Comparison.EQUAL:
                return value == threshold


class PrometheusProbe(_Part):
    """A query whose every value has to compare with the threshold as said."""

    url: Address
    """Of the server, e.g. http://prometheus:9090."""
    query: Annotated[str, Field(min_length=1, max_length=4000)]
    comparison: Comparison
    threshold: float
    timeout_seconds: Seconds = 5.0


class Probe(_Part):
    """One probe, and which actions it is asked for."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
    http: HttpProbe | None = None
    prometheus: PrometheusProbe | None = None
    operations: OperationPatterns = ALL
    clusters: Patterns = ("*",)
    """Hosts are on none and fit only *."""
    namespaces: Patterns = ("*",)
    """Of Kubernetes objects; hosts and cluster-wide objects have none and fit only *."""
    targets: Patterns = ("*",)
    """Names of objects and hosts."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.http is None) == (self.prometheus is None):
            raise problem(f"probe {self.name!r} needs exactly one question", "give either http or prometheus")
        return self

    def fits(self, operation: str, places: tuple[tuple[str | None, str], ...]) -> bool:
        """Tell whether the probe is asked for `operation` on any of the `places` (namespace, name)."""
        return matches_any(operation, self.operations) and any(
            matches_any(namespace or "", self.namespaces) and matches_any(name, self.targets)
            for namespace, name in places
        )
