"""When a freeze window is open, across midnight and changes of the clocks, and what it covers."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from countersign.policy.freeze import Day, FreezeWindow

ZONES = ("UTC", "Asia/Taipei", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia")
ALL_DAYS = tuple(Day)


def weekly(days: list[str], start: str, end: str, zone: str = "UTC") -> FreezeWindow:
    return FreezeWindow.model_validate({"reason": "test", "days": days, "from": start, "to": end, "timezone": zone})


@given(
    days=st.sets(st.sampled_from(ALL_DAYS), min_size=1),
    start=st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    end=st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    zone=st.sampled_from(ZONES),
    now=st.datetimes(datetime(2012, 1, 2), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
# The night in which Berlin's clocks go back, inside the repeated hour, and the one in which they go forward.
@example({Day.SATURDAY}, time(22), time(2, 30), "Europe/Berlin", datetime(2026, 10, 25, 1, 15, tzinfo=UTC))
@example({Day.SUNDAY}, time(2, 15), time(2, 45), "Europe/Berlin", datetime(2026, 3, 29, 1, 0, tzinfo=UTC))
def test_a_weekly_window_is_open_between_its_walls_clock_times(
    days: set[Day], start: time, end: time, zone: str, now: datetime
) -> None:
    """The same question asked the other way round: lay every occurrence out on the calendar and look inside."""
    window = weekly([day.value for day in days], f"{start:%H:%M}", f"{end:%H:%M}", zone)
    wall = now.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    expected = False
    for back in (0, 1):
        date = (wall - timedelta(days=back)).date()
        opens = datetime.combine(date, start)
        closes = datetime.combine(date if end > start else date + timedelta(days=1), end)
        expected |= ALL_DAYS[date.weekday()] in days and opens <= wall < closes
    assert window.is_on(now) is expected


@pytest.mark.parametrize(
    ("utc", "on"),
    [
        ("2026-03-06T07:59", False),  # Friday 15:59 in Taipei
        ("2026-03-06T08:00", True),  # Friday 16:00
        ("2026-03-06T16:30", True),  # Saturday 00:30
        ("2026-03-07T00:59", True),  # Saturday 08:59
        ("2026-03-07T01:00", False),  # Saturday 09:00
        ("2026-03-05T08:00", False),  # Thursday 16:00
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_it_begins_on(utc: str, on: bool) -> None:
    assert weekly(["fri"], "16:00", "09:00", "Asia/Taipei").is_on(datetime.fromisoformat(utc + "+00:00")) is on


@pytest.mark.parametrize(
    ("utc", "on"),
    [
        ("2026-10-25T00:29", False),  # 02:29 summer time
        ("2026-10-25T00:30", True),  # 02:30 summer time
        ("2026-10-25T01:15", False),  # 02:15 again, winter time
        ("2026-10-25T01:30", True),  # 02:30 again
        ("2026-10-25T01:45", False),
    ],
)
def test_a_repeated_hour_is_frozen_both_times(utc: str, on: bool) -> None:
    assert weekly(["sun"], "02:30", "02:45", "Europe/Berlin").is_on(datetime.fromisoformat(utc + "+00:00")) is on


def test_a_window_that_begins_in_a_skipped_hour_begins_after_it() -> None:
    window = weekly(["sun"], "02:30", "05:00", "Europe/Berlin")
    assert not window.is_on(datetime(2026, 3, 29, 0, 59, tzinfo=UTC))
    assert window.is_on(datetime(2026, 3, 29, 1, 0, tzinfo=UTC))


def test_equal_times_are_a_whole_day_and_24_00_is_its_end() -> None:
    for window in (weekly(["wed"], "00:00", "24:00"), weekly(["wed"], "00:00", "00:00")):
        assert window.is_on(datetime(2026, 3, 4, 0, 0, tzinfo=UTC))
        assert window.is_on(datetime(2026, 3, 4, 23, 59, 59, tzinfo=UTC))
        assert not window.is_on(datetime(2026, 3, 5, 0, 0, tzinfo=UTC))


def test_an_absolute_window_has_its_start_and_not_its_end() -> None:
    window = FreezeWindow.model_validate(
        {"reason": "new year", "start": "2026-12-20T00:00:00+08:00", "end": "2027-01-03T00:00:00+08:00"}
    )
    start, end = datetime(2026, 12, 19, 16, tzinfo=UTC), datetime(2027, 1, 2, 16, tzinfo=UTC)
    assert [window.is_on(start), window.is_on(end)] == [True, False]
    assert not window.is_on(start - timedelta(microseconds=1))
    assert window.until() == "2027-01-02 16:00 UTC"


def test_scope_is_everything_unless_it_is_named() -> None:
    everything = weekly(["mon"], "00:00", "24:00")
    production = everything.model_copy(update={"namespaces": ("prod*",)})
    hosts = everything.model_copy(update={"hosts": ("web-?",)})
    assert everything.covers(namespace=None, host=None)
    assert production.covers(namespace="prod-eu", host=None)
    assert not production.covers(namespace="staging", host=None)
    assert not production.covers(namespace=None, host="web-1")
    assert not production.covers(namespace=None, host=None)
    assert hosts.covers(namespace=None, host="WEB-1")
    assert not hosts.covers(namespace="web-1", host=None)
