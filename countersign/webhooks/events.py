"""What the world is told of a row of the audit: its public name and the body that is sent. Pure.

The same row has the same body whenever it is sent, so that what a receiver gets twice is twice the same.
"""

import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final
from uuid import UUID

from countersign.audit.rows import Row
from countersign.errors import InvalidInput
from countersign.masking import masked, masked_values
from countersign.policy.signatures import utc_text
from countersign.records.audit_events import Event
from countersign.records.states import ApprovalStatus

LARGEST_BODY: Final = 20_000
"""Bytes, as Standard Webhooks advises."""
MOST_PATTERNS: Final = 50
TEST: Final = "webhook.test"
APPROVED: Final = "approval.approved"
NAMES: Final[Mapping[Event, str]] = {
    Event.REQUEST_FILED: "approval.requested",
    Event.REQUEST_SIGNED: "approval.signed",
    Event.REQUEST_REJECTED: "approval.rejected",
    Event.REQUEST_CANCELLED: "approval.withdrawn",
    Event.REQUEST_EXPIRED: "approval.expired",
    Event.SIGNATURE_REFUSED: "approval.signature_refused",
    Event.CLAIM_MADE: "execution.started",
    Event.CLAIM_TAKEN_OVER: "execution.taken_over",
    Event.DRY_RUN_STARTED: "execution.dry_run_started",
    Event.ROLLBACK_STARTED: "execution.rollback_started",
    Event.OUTCOME_SETTLED: "execution.settled",
    Event.OUTCOME_FOUND_OUT: "execution.found_out",
    Event.OUTCOME_CORRECTED: "execution.corrected",
    Event.EXECUTION_REFUSED: "execution.refused",
    Event.INCIDENT_OPENED: "incident.opened",
    Event.INCIDENT_REOPENED: "incident.reopened",
    Event.INCIDENT_MOVED: "incident.moved",
    Event.INCIDENT_RESOLVED: "incident.resolved",
    Event.KILL_SWITCH_ON: "kill_switch.on",
    Event.KILL_SWITCH_OFF: "kill_switch.off",
    Event.BREAK_GLASS_BEGUN: "break_glass.begun",
    Event.BREAK_GLASS_CONFIRMED: "break_glass.confirmed",
    Event.BREAK_GLASS_ENDED: "break_glass.ended",
    Event.BREAK_GLASS_USED: "break_glass.used",
    Event.POLICY_PROPOSED: "policy.proposed",
    Event.POLICY_SIGNED: "policy.signed",
    Event.POLICY_ACTIVATED: "policy.activated",
    **{event: "tampering.refused" for event in Event if event.source == "tampering"},
    Event.TAMPERING_FOUND: "tampering.found",
}
"""The public names. A name that was used once keeps its meaning."""
PUBLIC: Final = tuple(dict.fromkeys((*NAMES.values(), APPROVED)))
OWN: Final = (Event.WEBHOOK_TESTED, Event.WEBHOOK_REPLAYED)
"""Those that are for the one webhook that they name."""
_FACTS: Final = (
    *("status", "risk_level", "decision", "key_id", "outcome", "rolls_back", "incident", "description"),
    *("is_on", "reason", "version", "hash", "found"),
    *("break_glass", "cluster", "namespace", "operation", "lifts", "lift", "minutes"),
)
"""What of a row's details is told."""
_ROOMS: Final = (2_000, 400, 80)
"""Characters that a text may have; the first that keeps the body small enough counts."""


def name_of(event: str, details: Mapping[str, Any]) -> str | None:
    """Return the public name of a row, None for what only the audit is told of."""
    known = Event(event) if event in set(Event) else None
    if known is Event.REQUEST_SIGNED and details.get("status") == ApprovalStatus.APPROVED:
        return APPROVED
    if known is Event.WEBHOOK_TESTED:
        return TEST
    return None if known is None else NAMES.get(known)


def check_patterns(patterns: Iterable[str]) -> list[str]:
    """Return patterns of public names, each once. Raises InvalidInput for one that no event has."""
    given = list(dict.fromkeys(each.strip() for each in patterns))
    if not 1 <= len(given) <= MOST_PATTERNS:
        raise InvalidInput(f"events: {len(given)} patterns, between 1 and {MOST_PATTERNS} are accepted")
    for pattern in given:
        if not any(fnmatchcase(name, pattern) for name in PUBLIC):
            raise InvalidInput(f"events: no event is called {pattern!r}", hint="one of " + ", ".join(PUBLIC))
    return given


def is_wanted(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether a webhook with these patterns is told of events with this public name."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def events_for(patterns: Iterable[str]) -> list[str]:
    """Return the audit's events that a webhook with these patterns has to look at."""
    wanted = list(patterns)
    named = [event for event, name in NAMES.items() if is_wanted(name, wanted)]
    if is_wanted(APPROVED, wanted):
        named.append(Event.REQUEST_SIGNED)
    return sorted({event.value for event in (*named, *OWN)})


def body_of(row: Row, leaf: int) -> str:
    """Return the JSON that is sent for a row with a public name."""
    details = json.loads(row.details)
    facts = {name: details[name] for name in _FACTS if name in details}
    said: dict[str, Any] = {"event": leaf}
    if (approval := _approval_of(row.chain)) is not None:
        said["approval_id"] = approval
    said |= {"actor": masked(row.actor), "about": masked(row.about), **masked_values(facts)}
    for room in _ROOMS:
        data = {key: _cut(value, room) for key, value in said.items()}
        message = {"type": name_of(row.event, details), "timestamp": utc_text(row.at), "data": data}
        body = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        if len(body.encode()) <= LARGEST_BODY:
            break
    return body


def _approval_of(chain: str) -> str | None:
    try:
        return str(UUID(chain))
    except ValueError:
        return None


def _cut(value: Any, room: int) -> Any:
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False) if len(json.dumps(value)) > room else value
    if isinstance(value, str) and len(value) > room:
        return value[: room - 1] + "…"
    return value
