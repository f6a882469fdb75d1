"""The matrix: every operation, every request of it, and every fault that is different in meaning."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.faults.proxy.faults import LASTING, OF_READS, OF_WRITES, OPENINGS, Delivery, Family, Fault, Silence
from tests.faults.proxy.jobs import JOBS, Job
from tests.faults.proxy.judge import Expectation
from tests.faults.proxy.places import Place, inspection_of, reads_of, writes_of

_IN_SUPPORT = (Family.LOST, Family.CUT, Family.SWAPPED, Family.FOREIGN_404, Family.FOREIGN_200, Family.REFUSED)
"""Faults of requests that are not about the operation's object."""
_TRIED_AGAIN = (
    Family.LOST,
    Family.REPEATED,
    Family.CUT,
    Family.FOREIGN_404,
    Family.FOREIGN_200,
    Family.BUSY,
    Family.BROKEN,
)
"""Faults after which the same question, asked again, gets its answer."""
_SHORT_SECONDS, _SECONDS = 1.0, 10.0


@dataclass(frozen=True)
class Cell:
    """One request of one operation meets one fault."""

    job: Job
    place: Place
    fault: Fault
    opening: str = ""
    """Of an inspection: what became of the write that is asked about (`OPENINGS`)."""

    @property
    def name(self) -> str:
        """Return the cell's name in reports."""
        return f"{self.job.name} / {self.request} / {self.fault.name}"

    @property
    def request(self) -> str:
        """Return which request it is."""
        return f"{self.place}{f', {self.opening}' if self.opening else ''}"

    @property
    def meetings(self) -> tuple[tuple[Place, Fault], ...]:
        """Which requests meet which fault."""
        if not self.opening:
            return ((self.place, self.fault),)
        write = next(each for each in writes_of(self.job) if inspection_of(each) == self.place)
        return (write, OPENINGS[self.opening]), (self.place, self.fault)

    @property
    def timeout(self) -> float:
        """The client's time limit for one request, in seconds: short where it is waited for."""
        return _SHORT_SECONDS if self.fault.answer is Silence.LATE or self.fault.lasting else _SECONDS

    @property
    def expectation(self) -> Expectation:
        """What it may end as."""
        fault, family = self.fault, self.fault.family
        if fault.lasting:
            return Expectation(may_be_unknown=True, has_to_succeed=False)
        if self.opening and fault.form == "another uid's":
            # An object of that name with another uid is what is there after somebody replaced it.
            return Expectation(may_be_unknown=True, has_to_succeed=False)
        landed = self.opening == "landed" or (self.place in writes_of(self.job) and fault.delivery is not Delivery.NEVER)
        if self.place.what.startswith("versions of") and family is Family.FOREIGN_404:
            return Expectation(has_to_succeed=False)
        swapped_write = family is Family.SWAPPED and (self.opening or self.place in writes_of(self.job))
        return Expectation(has_to_succeed=bool(landed or family in _TRIED_AGAIN or swapped_write))


def whole_matrix() -> Iterator[Cell]:
    """Return every cell. Of a family, each read meets one form; the forms take turns."""
    turns: Counter[Family] = Counter()

    def one_of_each(place: Place, families: Iterable[Family]) -> Iterator[Fault]:
        for family in families:
            forms = [fault for fault in OF_READS if fault.family is family and _fits(fault, place)]
            if forms:
                turns[family] += 1
                yield forms[turns[family] % len(forms)]

    for job in JOBS:
        for place in reads_of(job):
            for fault in one_of_each(place, Family if _is_about_the_object(place) else _IN_SUPPORT):
                yield Cell(job, place, fault)
        for write in writes_of(job):
            for fault in (*OF_WRITES, *LASTING):
                yield Cell(job, write, fault)
            for opening in OPENINGS:
                for fault in one_of_each(inspection_of(write), Family):
                    yield Cell(job, inspection_of(write), fault, opening)


def _is_about_the_object(place: Place) -> bool:
    return place.what == "read" or place.what.startswith("dry run")


def _fits(fault: Fault, place: Place) -> bool:
    """Tell whether the fault is something else than a true answer there, and one that can be told from it."""
    if fault.family is not Family.SWAPPED or _is_about_the_object(place):
        return True
    if place.what.startswith("list"):
        return fault.form == "another kind's"
    # The earlier version that the proxy has is the operation's own object's.
    return place.what.startswith("read") and fault.form != "an older version"


def representative() -> Sequence[Cell]:
    """Return the cells of every test run: each form of each fault, each operation and each request at least once."""
    cells = list(whole_matrix())
    # A step that shares no factor with the number of cells visits all of them, far apart from each other.
    step = next(each for each in range(len(cells) * 2 // 5, len(cells)) if _coprime(each, len(cells)))
    chosen: list[Cell] = []
    seen: set[str] = set()
    for number in range(len(cells)):
        cell = cells[number * step % len(cells)]
        shows = {cell.fault.form, cell.job.name, str(cell.place)}
        if cell.fault.form not in seen or (number >= len(cells) // 2 and not shows <= seen):
            chosen.append(cell)
            seen |= shows
    return chosen


def _coprime(one: int, other: int) -> bool:
    while other:
        one, other = other, one % other
    return one == 1
