"""Which message the alert card of an incident is: written by whoever posts cards, read to reply on them."""

from redis import Redis

from countersign.memory.connection import asking

KEPT_SECONDS = 30 * 24 * 3600
"""How long an incident's card can be replied on."""


def keep_card(redis: Redis, incident_id: str, message_id: str, *, seconds: int = KEPT_SECONDS) -> None:
    """Remember the card's message. Raises MemoryUnavailable."""
    with asking():
        redis.set(_key(incident_id), message_id, ex=seconds)


def card_of(redis: Redis, incident_id: str) -> str | None:
    """Return the id of the card's message, None where none is known. Raises MemoryUnavailable."""
    with asking():
        found = redis.get(_key(incident_id))
    return None if found is None else str(found)


def _key(incident_id: str) -> str:
    # The alerting system writes it under this name, so it has no prefix of ours.
    return f"tg_msg:{incident_id}"
