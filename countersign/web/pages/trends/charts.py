"""Charts as the boxes that SVG draws: one column for each hour or day, its parts upon each other. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from countersign.execution.trends import Figures, Trends
from countersign.records.outcomes import Outcome
from countersign.records.states import Grain, Verdict
from countersign.texts import catalogue, text
from countersign.texts.durations import duration
from countersign.web.pages.viewer import Viewer

HEIGHT = 100.0
"""Of a chart, in its own units; a column is ten wide, eight of them drawn."""
COLUMN, DRAWN = 10, 8
_OUTCOMES: Mapping[str, tuple[str, tuple[Outcome, ...]]] = {
    "success": ("ok", (Outcome.SUCCESS,)),
    "failed": ("bad", (Outcome.FAILED,)),
    "unknown": ("unknown", (Outcome.UNKNOWN,)),
    "blocked": ("warn", (Outcome.BLOCKED,)),
}
_VERDICTS: Mapping[Verdict, str] = {
    Verdict.EFFECTIVE: "ok",
    Verdict.INEFFECTIVE: "warn",
    Verdict.WORSE: "bad",
    Verdict.UNVERIFIABLE: "off",
}


@dataclass(frozen=True)
class Box:
    """A part of a column."""

    x: int
    y: float
    height: float
    tone: str


@dataclass(frozen=True)
class Column:
    """An hour or a day: what is said of it, and its boxes."""

    label: str
    values: tuple[str, ...]
    """In the order of the series."""
    said: str
    x: int
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Chart:
    """What a chart shows, also as a table."""

    key: str
    title: str
    series: tuple[tuple[str, str], ...]
    """Tone and name, from the ground up."""
    columns: tuple[Column, ...]
    width: int
    top: str
    """What the full height stands for."""
    summary: str
    """The whole window in a sentence."""

    @property
    def is_empty(self) -> bool:
        return not any(column.boxes for column in self.columns)


def charts_of(found: Trends, viewer: Viewer) -> Sequence[Chart]:
    """Return the page's charts."""
    language = viewer.language

    def said(key: str) -> str:
        return text(key, language=language)

    outcomes = [(tone, said(f"outcome.{key}")) for key, (tone, _) in _OUTCOMES.items()]
    verdicts = [(tone, said(f"verdict.{verdict}")) for verdict, tone in _VERDICTS.items()]
    modes = [("info", said("trends.human")), ("back", said("trends.automatic"))]
    return (
        _counted(found, viewer, "outcomes", [*outcomes, ("off", said("trends.others"))], _outcomes_of),
        _counted(found, viewer, "verdicts", verdicts, lambda each: [each.verdicts.get(one, 0) for one in _VERDICTS]),
        _counted(found, viewer, "modes", modes, lambda each: [each.human, each.automatic]),
        _timed(found, viewer),
    )


def rule_named(rule: str, *, language: str) -> str:
    """Return a check's name for people; another error's code as it is."""
    return text(f"check.{rule}", language=language) if f"check.{rule}" in catalogue("en") else rule


def _outcomes_of(each: Figures) -> list[int]:
    named = [sum(each.outcomes.get(one, 0) for one in of) for _, of in _OUTCOMES.values()]
    return [*named, each.executions - sum(named)]


def _counted(
    found: Trends,
    viewer: Viewer,
    key: str,
    series: Sequence[tuple[str, str]],
    counts_of: Callable[[Figures], Sequence[int]],
) -> Chart:
    rows = [(at, counts_of(each)) for at, each in found.slots]
    most = max(sum(counts) for _, counts in rows)
    totals = counts_of(found.whole)
    summary = ", ".join(f"{name} {total}" for (_, name), total in zip(series, totals, strict=True))
    return _chart(
        found,
        viewer,
        key,
        series,
        [(at, [float(count) for count in counts], [str(count) for count in counts]) for at, counts in rows],
        most=float(most),
        top=str(most),
        summary=summary,
    )


def _timed(found: Trends, viewer: Viewer) -> Chart:
    medians = [(at, each.to_effect.median_seconds) for at, each in found.slots]
    most = max((seconds for _, seconds in medians if seconds is not None), default=0.0)

    def words(seconds: float | None) -> str:
        return "–" if seconds is None else duration(round(seconds * 1000), language=viewer.language)

    whole = found.whole.to_effect
    series = [("info", text("trends.median", language=viewer.language))]
    return _chart(
        found,
        viewer,
        "to_effect",
        series,
        [(at, [seconds or 0.0], [words(seconds)]) for at, seconds in medians],
        most=most,
        top=words(most),
        summary=text(
            "trends.lengths",
            language=viewer.language,
            median=words(whole.median_seconds),
            p95=words(whole.p95_seconds),
            count=whole.count,
        ),
    )


def _chart(
    found: Trends,
    viewer: Viewer,
    key: str,
    series: Sequence[tuple[str, str]],
    rows: Sequence[tuple[datetime, Sequence[float], Sequence[str]]],
    *,
    most: float,
    top: str,
    summary: str,
) -> Chart:
    columns = []
    for number, (at, amounts, words) in enumerate(rows):
        label, x, boxes, ground = _label(at, found.grain, viewer), number * COLUMN + 1, [], HEIGHT
        for (tone, _), amount in zip(series, amounts, strict=True):
            if amount > 0:
                # What there is is seen, however little of the whole it is.
                height = max(1.0, round(amount / most * HEIGHT, 2))
                ground = max(0.0, round(ground - height, 2))
                boxes.append(Box(x, ground, height, tone))
        said = ", ".join(f"{name} {word}" for (_, name), word in zip(series, words, strict=True) if word != "0")
        columns.append(Column(label, tuple(words), f"{label}: {said or '0'}", x, tuple(boxes)))
    return Chart(
        key=key,
        title=text(f"trends.{key}", language=viewer.language),
        series=tuple(series),
        columns=tuple(columns),
        width=len(rows) * COLUMN,
        top=top,
        summary=summary,
    )


def _label(at: datetime, grain: Grain, viewer: Viewer) -> str:
    # Days are those of UTC: that of another zone would be two halves.
    return at.astimezone(viewer.zone).strftime("%m-%d %H:%M") if grain is Grain.HOUR else at.strftime("%Y-%m-%d")
