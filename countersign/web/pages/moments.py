"""Moments as people read them: how long ago or how much longer, and exactly when, in the reader's own zone."""

from datetime import UTC, datetime

from markupsafe import Markup, escape

from countersign.texts import text
from countersign.web.pages.viewer import Viewer

MINUTE, HOUR, DAY = 60, 3600, 86400


def exactly(moment: datetime, viewer: Viewer) -> str:
    """Return the moment to the second with its zone: 2026-01-31 20:15:07 CST (UTC+08:00)."""
    local = moment.astimezone(viewer.zone)
    offset = local.strftime("%z")
    named = local.strftime("%Y-%m-%d %H:%M:%S %Z")
    return named if viewer.zone_name == "UTC" else f"{named} (UTC{offset[:3]}:{offset[3:5]})"


def clock(moment: datetime, viewer: Viewer, *, now: datetime | None = None) -> str:
    """Return the time of day, with the date where it is another day's."""
    local = moment.astimezone(viewer.zone)
    today = (now or datetime.now(UTC)).astimezone(viewer.zone).date()
    return local.strftime("%H:%M:%S" if local.date() == today else "%Y-%m-%d %H:%M")


def span(seconds: float, language: str) -> str:
    """Return how long that is in its two largest units at most: 40 s, 12 min, 5 h 10 min, 3 d 4 h."""
    whole = max(0, int(seconds))
    for unit, smaller, name in ((DAY, HOUR, "days"), (HOUR, MINUTE, "hours"), (MINUTE, 1, "minutes")):
        if whole >= unit:
            first, rest = divmod(whole, unit)
            if name == "minutes" or rest < smaller:
                return text(f"span.{name}", language=language, count=first)
            return text(f"span.{name}_and", language=language, count=first, rest=rest // smaller)
    return text("span.seconds", language=language, count=whole)


def relative(moment: datetime, language: str, *, now: datetime | None = None) -> str:
    """Return 3 min ago, or in 2 h."""
    seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    if seconds >= 0:
        return text("span.ahead", language=language, span=span(seconds, language))
    return text("span.ago", language=language, span=span(-seconds, language))


def time_element(shown: str, moment: datetime, viewer: Viewer) -> Markup:
    """Return `shown` as an element that tells the exact time when it is pointed at."""
    machine, exact = moment.astimezone(UTC).isoformat(timespec="seconds"), exactly(moment, viewer)
    if shown == exact:
        return Markup('<time datetime="{}">{}</time>').format(machine, escape(shown))
    return Markup('<time datetime="{}" title="{}">{}</time>').format(machine, exact, escape(shown))
