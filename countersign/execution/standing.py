"""How things stand: what needs a person, the kill switch, and how much is open or was left undone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session

from countersign.execution.attention import Attention, needs_attention
from countersign.records.control import Switch, kill_switch
from countersign.records.dead_letters import open_letters
from countersign.records.queries import abandoned, never_started, open_by_status, unknown_outcomes
from countersign.records.states import ApprovalStatus

MOST_LETTERS = 1_000
"""Nobody needs them counted further."""


@dataclass(frozen=True)
class Standing:
    """What `countersign status` shows of the records. Ids are approvals'."""

    attention: Attention
    switch: Switch
    open_approvals: Mapping[ApprovalStatus, int] | None
    """None, as `dead_letters`, for whoever does not see all of them."""
    never_started: Sequence[UUID]
    abandoned: Sequence[UUID]
    """Their executions' leases are over."""
    unknown: Sequence[UUID]
    dead_letters: int | None
    """MOST_LETTERS at most."""


def standing(session: Session) -> Standing:
    """Return how things stand."""
    return Standing(
        attention=needs_attention(session),
        switch=kill_switch(session),
        open_approvals=open_by_status(session),
        never_started=never_started(session),
        abandoned=[row.approval_id for row in abandoned(session)],
        unknown=unknown_outcomes(session),
        dead_letters=len(open_letters(session, limit=MOST_LETTERS)),
    )
