"""Freeze windows: times in which nothing is changed, once (start to end) or every week (days, from, to)."""

from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from countersign.policy.operations import matches_any
from countersign.policy.problem import problem


class Day(StrEnum):
    """Days of the week, Monday first as in datetime.weekday()."""

    MONDAY = "mon"
    TUESDAY = "tue"
    WEDNESDAY = "wed"
    THURSDAY = "thu"
    FRIDAY = "fri"
    SATURDAY = "sat"
    SUNDAY = "sun"


def _rfc3339(value: Any) -> Any:
    if not isinstance(value, str | datetime):
        raise problem("is not a time", "write RFC 3339 with an offset, e.g. 2026-12-20T00:00:00+08:00")
    return value


def _clock(value: Any) -> Any:
    if isinstance(value, str):
        hours, colon, minutes = value.partition(":")
        fine = colon and hours.isdecimal() and minutes.isdecimal() and hours.isascii() and minutes.isascii()
        if fine and len(hours) in (1, 2) and len(minutes) == 2 and int(hours) < 24 and int(minutes) < 60:
            return time(int(hours), int(minutes))
        if value == "24:00":
            return time(0, 0)  # as an end, midnight is the start of the next day
    if isinstance(value, time):
        return value
    raise problem("is not a time of day", "write hours and minutes in quotes, e.g. '16:30'")


def _zone(value: Any) -> Any:
    if not isinstance(value, str):
        raise problem("is not a time zone's name", "write an IANA name, e.g. Asia/Taipei or UTC")
    try:
        ZoneInfo(value)
    except (ValueError, OSError, LookupError):
        raise problem(f"{value!r} is not a known time zone", "write an IANA name, e.g. Asia/Taipei or UTC") from None
    return value


def _day(value: Any) -> Any:
    return value.strip().lower()[:3] if isinstance(value, str) and value.strip().lower() in _DAY_NAMES else value


_DAY_NAMES = {name for day in Day for name in (day.value, day.name.lower())}

Instant = Annotated[AwareDatetime, BeforeValidator(_rfc3339)]
Clock = Annotated[time, BeforeValidator(_clock)]
Zone = Annotated[str, BeforeValidator(_zone)]


class FreezeWindow(BaseModel):
    """A time in which nothing in scope is changed. Without clusters, namespaces and hosts, everything is in scope."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    reason: Annotated[str, Field(min_length=1, max_length=500)]
    start: Instant | None = None
    end: Instant | None = None
    """The first moment after the window."""
    days: tuple[Annotated[Day, BeforeValidator(_day)], ...] = ()
    """The days on which a weekly window begins."""
    from_time: Clock | None = Field(default=None, alias="from")
    to_time: Clock | None = Field(default=None, alias="to")
    """The first minute after the window; on the next day when it is not later than `from`."""
    timezone: Zone = "UTC"
    clusters: tuple[str, ...] = ()
    """Narrows the window to these clusters, and there to `namespaces` if some are named."""
    namespaces: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _once_or_weekly(self) -> Self:
        once = (self.start, self.end)
        weekly = (self.from_time, self.to_time)
        if any(weekly) or self.days or None not in weekly:
            if once != (None, None):
                raise problem(
                    "a window is either once or weekly, this one is both", "give start and end, or days, from and to"
                )
            if not self.days or None in weekly:
                raise problem("a weekly window is incomplete", "give all of days, from and to")
        elif self.start is None or self.end is None:
            raise problem("a window needs its times", "give start and end, or days, from and to")
        elif self.start >= self.end:
            raise problem("the window ends before it starts", "give an end after start")
        return self

    def on(self, cluster: str | None) -> Self | None:
        """Return the window as it holds on `cluster`, or on hosts (None); None where it does not."""
        if not self.clusters:
            return self
        if cluster is None:
            return self if self.hosts else None
        if not matches_any(cluster, self.clusters):
            return None
        return self if self.namespaces else self.model_copy(update={"hosts": ()})

    def covers(self, *, namespace: str | None, host: str | None) -> bool:
        """Tell whether something in `namespace` or on `host` is in scope."""
        if not self.namespaces and not self.hosts:
            return True
        if namespace is not None and matches_any(namespace, self.namespaces):
            return True
        return host is not None and matches_any(host, self.hosts)

    def is_on(self, now: datetime) -> bool:
        """Tell whether the window is open at `now` (aware).

        A weekly window goes by the clock on the wall: an hour that a change of the clocks repeats is inside
        both times, one that it skips does not exist.
        """
        if self.start is not None and self.end is not None:
            return self.start <= now < self.end
        if self.from_time is None or self.to_time is None:
            return False
        local = now.astimezone(ZoneInfo(self.timezone))
        clock = local.time()
        today, yesterday = _WEEK[local.weekday()], _WEEK[local.weekday() - 1]
        if self.from_time < self.to_time:
            return today in self.days and self.from_time <= clock < self.to_time
        return (today in self.days and clock >= self.from_time) or (yesterday in self.days and clock < self.to_time)

    def ends(self, now: datetime) -> datetime | None:
        """Return when the window that is open at `now` ends; None where none is."""
        if not self.is_on(now):
            return None
        if self.end is not None:
            return self.end
        assert self.from_time is not None
        assert self.to_time is not None
        local = now.astimezone(ZoneInfo(self.timezone))
        over_midnight = self.from_time >= self.to_time and local.time() >= self.from_time
        day = local.date() + timedelta(days=1) if over_midnight else local.date()
        return datetime.combine(day, self.to_time, ZoneInfo(self.timezone)).astimezone(UTC)

    def until(self) -> str:
        """Say when the window ends, for a hint."""
        if self.end is not None:
            return self.end.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
        assert self.to_time is not None
        return f"{self.to_time:%H:%M} {self.timezone}"


_WEEK = tuple(Day)
