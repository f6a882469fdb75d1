"""How long something took, as people say it."""

from countersign.texts import text

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000


def duration(milliseconds: int, *, language: str | None = None) -> str:
    """Return 850 ms, 4.2 s, 1 min 15 s or 2 h 5 min, in `language` (the setting by default)."""
    if milliseconds < SECOND:
        return text("duration.milliseconds", language=language, value=milliseconds)
    if milliseconds < MINUTE:
        return text("duration.seconds", language=language, value=f"{milliseconds / SECOND:.1f}")
    if milliseconds < HOUR:
        minutes, rest = divmod(milliseconds, MINUTE)
        return text("duration.minutes", language=language, minutes=minutes, seconds=rest // SECOND)
    hours, rest = divmod(milliseconds, HOUR)
    return text("duration.hours", language=language, hours=hours, minutes=rest // MINUTE)
