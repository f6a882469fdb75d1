"""What an address may ask the queue for."""

from enum import StrEnum
from typing import Final, TypeVar

from countersign.errors import InvalidInput
from countersign.records.approval_list import Only
from countersign.records.outcomes import Outcome
from countersign.records.states import ApprovalStatus, Verdict

FILTERS: Final = ("status", "outcome", "verdict", "by")
W = TypeVar("W", bound=StrEnum)


def only_those(*, status: str, outcome: str, verdict: str, by: str) -> Only:
    """Return which approvals an address asks for. Raises InvalidInput naming the field."""
    return Only(
        status=_one_of(ApprovalStatus, status, "status"),
        outcome=_one_of(Outcome, outcome, "outcome"),
        verdict=_one_of(Verdict, verdict, "verdict"),
        requester=by or None,
    )


def _one_of(words: type[W], given: str, field: str) -> W | None:
    if not given:
        return None
    try:
        return words(given)
    except ValueError:
        raise InvalidInput(f"{field}: {given!r} is not one of {', '.join(words)}") from None
