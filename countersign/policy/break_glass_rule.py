"""What two people may lift for some minutes, as data of the policy; grants of the role break_glass say who may."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from countersign.policy.operations import ALL, OperationPatterns
from countersign.policy.risk import RiskLevel

Patterns = tuple[Annotated[str, Field(min_length=1, max_length=253)], ...]
LONGEST_MINUTES: Final = 60
"""No policy can allow more at once."""


class Lift(StrEnum):
    """A limit that can be lifted, by the name of the check that asks about it. Everything else holds always: the kill
    switch, signatures and four eyes, which operations are allowed, what is protected, what the target says.
    """

    FREEZE_WINDOW = "freeze_window"
    RATE = "rate"
    SCALE_FACTOR = "scale_factor"
    SCALE_TO = "scale_to"
    AFFECTED_PODS = "affected_pods"


class BreakGlassRule(BaseModel):
    """What break-glass lifts at most, where, and for how long."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    lifts: Annotated[tuple[Lift, ...], Field(min_length=1)]
    longest_minutes: Annotated[int, Field(ge=1, le=LONGEST_MINUTES)] = 30
    """From the confirmation on."""
    clusters: Patterns = ALL
    """Hosts are those of the cluster named "hosts"."""
    namespaces: Patterns = ALL
    operations: OperationPatterns = ALL
    up_to: RiskLevel = RiskLevel.CRITICAL
    """The highest risk of what it lifts limits for."""
