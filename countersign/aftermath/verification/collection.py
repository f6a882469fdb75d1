"""Looking at the target over a window of time, until the window ends or the verdict cannot change any more."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from time import monotonic

from countersign.aftermath.subject import Subject
from countersign.aftermath.verification.verdict import decided
from countersign.errors import Stopped, TransientTargetError
from countersign.logging import get_logger
from countersign.targets.criteria import Case, Criterion, Standing
from countersign.targets.model import Inspection, Looking, Plan, Snapshot, Target

logger = get_logger(__name__)
MARGIN_SECONDS = 5.0
"""What of the time limit is left for asking what became of the steps, for probes and for the record."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
GROWTH, LONGEST_PAUSE_TOLD = 1.5, 8.0
NEWS_SECONDS = 0.2
STEADY_SECONDS = 10.0
"""After so long without any change, with every criterion met, a verdict is good for the better part of cases. A
container that crashes as it starts does so within a few seconds, and warming up comes before."""
SAMPLES_KEPT = 40
LASTING_SECONDS = 20.0
"""kubelet tries a pull again after 10 s and after 20 s; a registry's hiccup is over by then."""
Criteria = Callable[[Case], Sequence[Criterion]]


@dataclass(frozen=True)
class Window:
    """When to look, in seconds of monotonic()."""

    begins: float
    ends: float
    limit: float
    """What is still under way at the end is looked at until then."""
    pause: float

    @property
    def lasting_seconds(self) -> float:
        """How long trouble has to last before it counts: half the window, at least 20 s where it is that long."""
        length = max(0.0, self.ends - self.begins)
        return max(length / 2, LASTING_SECONDS) if length >= LASTING_SECONDS else length / 2

    @property
    def is_empty(self) -> bool:
        """True where the settings want no window: the first look at which everything is well is enough."""
        return self.ends <= self.begins


def window_of(subject: Subject, *, now: datetime, asking_seconds: float = 0) -> Window:
    """Return when to look: the warm-up counts from the outcome, the collecting from its end.

    `asking_seconds` is how long the target may take to say what became of the steps.
    """
    settings, moment = subject.services.settings, monotonic()
    settled = subject.execution.settled_at or now
    margin = min(MARGIN_SECONDS + asking_seconds, settings.verify_limit_seconds / 4)
    since = max(0.0, (now - settled).total_seconds())
    limit = moment + max(0.0, subject.seconds_left() - margin)
    begins = min(moment + max(0.0, settings.verify_warm_up_seconds - since), limit)
    ends = min(begins + settings.verify_collect_seconds, limit)
    pause = min(max(settings.verify_collect_seconds / 15, SHORTEST_PAUSE), LONGEST_PAUSE)
    return Window(begins, ends, limit, pause)


@dataclass(frozen=True)
class Collected:
    """What was seen, and how the criteria stand by it."""

    case: Case
    last: Snapshot
    criteria: Sequence[Criterion]


def collect(
    subject: Subject,
    target: Target,
    case: Case,
    criteria: Criteria,
    window: Window,
    *,
    beside: Callable[[], bool] = lambda: True,
    looking_on: Callable[[Sequence[Criterion], float], None] = lambda _criteria, _seconds: None,
) -> Collected:
    """Take samples until the window is over or looking on is of no use, then ask what became of every step.

    `beside` is called after every sample, and tells whether all is well there; `looking_on` where it is not the last
    one: with how the criteria stand, and for how many seconds they are looked at at most.

    A cluster that cannot be reached for a moment is asked again; one that cannot be reached at the end raises
    TransientTargetError. Raises Stopped when the run is to end.
    """
    _wait(subject, window.begins - monotonic())
    case = replace(case, lasting_seconds=window.lasting_seconds)
    last: Snapshot | None = None
    with target.looking(case.plan) as looking:
        for number in count():
            now = monotonic()
            missed: TransientTargetError | None = None
            try:
                last = looking.look()
                case = _with(case, last)
            except TransientTargetError as error:
                logger.warning("a sample is missing", execution_id=str(subject.execution_id), error=error.message)
                missed = error
            well = beside()
            pause = _pause(window, number, told=looking.is_told)
            if missed is None:
                found = criteria(case)
                steady = well and case.quiet_seconds() >= STEADY_SECONDS
                if decided(found, steady=steady, may_end_well=window.is_empty):
                    break
                if now >= window.limit or (now >= window.ends and not window.is_empty and _nothing_under_way(found)):
                    break
                ends = window.ends if _nothing_under_way(found) else window.limit
                looking_on(found, max(0.0, ends - now))
                if all(each.standing is Standing.MET for each in found):
                    left = STEADY_SECONDS - case.quiet_seconds()
                    pause = max(pause, left if looking.is_told else STEADY_SECONDS / 2)
            elif now >= window.limit:
                raise missed
            _wait_for_news(subject, looking, min(pause, max(window.limit - now, 0.0)))
        assert last is not None
        last = looking.complete(last)
        case = replace(case, samples=[*case.samples[:-1], last.objects])
        over = replace(case, over=True, inspections=inspect_all(target, case.plan))
    return Collected(over, last, criteria(over))


def _pause(window: Window, number: int, *, told: bool) -> float:
    """Return how long after sample `number` to look again; where the target tells, less and less often."""
    if not told:
        return window.pause
    return float(min(window.pause * GROWTH**number, max(LONGEST_PAUSE_TOLD, window.pause)))


def _wait_for_news(subject: Subject, looking: Looking, seconds: float) -> None:
    ends = monotonic() + seconds
    while (left := ends - monotonic()) > 0 and not looking.news():
        _wait(subject, min(left, NEWS_SECONDS))
    _wait(subject, 0)


def _nothing_under_way(criteria: Sequence[Criterion]) -> bool:
    return not any(each.standing is Standing.PENDING for each in criteria)


def inspect_all(target: Target, plan: Plan) -> dict[str, Inspection]:
    """Ask the target what became of every step."""
    return {step.key: target.inspect(plan, step) for step in plan.steps}


def _with(case: Case, seen: Snapshot) -> Case:
    return _kept(replace(case, samples=[*case.samples, seen.objects], seen_at=[*case.seen_at, monotonic()]))


def _kept(case: Case) -> Case:
    """Return the case with the samples thinned out where they have become many: the first and the newest count."""
    if len(case.samples) <= SAMPLES_KEPT:
        return case
    samples, seen_at = case.samples, case.seen_at
    return replace(case, samples=[samples[0], *samples[2:]], seen_at=[seen_at[0], *seen_at[2:]])


def _wait(subject: Subject, seconds: float) -> None:
    if seconds > 0 and subject.stop.wait(seconds):
        raise Stopped
    if subject.stop.is_set():
        raise Stopped
