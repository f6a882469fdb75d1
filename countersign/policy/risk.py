"""The four risk levels of an approval, in order."""

from enum import StrEnum
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Value = TypeVar("Value")
Count = Annotated[int, Field(ge=0)]


class RiskLevel(StrEnum):
    """How much harm an approval could do, as whoever filed it says."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    def covers(self, other: "RiskLevel") -> bool:
        """Tell whether someone trusted up to this level may deal with `other`."""
        order = tuple(RiskLevel)
        return order.index(self) >= order.index(other)


class PerRisk(BaseModel, Generic[Value]):
    """One value for each risk level."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    low: Value
    medium: Value
    high: Value
    critical: Value

    def at(self, risk: RiskLevel) -> Value:
        """Return the value for `risk`."""
        match risk:
            case RiskLevel.LOW:
                return self.low
            case RiskLevel.MEDIUM:
                return self.medium
            case RiskLevel.HIGH:
                return self.high
            case RiskLevel.CRITICAL:
                return self.critical


class SignaturesPerRisk(PerRisk[Count]):
    """How many signatures a request of each risk level needs at least, whatever it says itself."""

    low: Count = 1
    medium: Count = 1
    high: Count = 2
    critical: Count = 2
