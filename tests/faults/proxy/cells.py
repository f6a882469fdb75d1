"""The matrix: every operation, every request of it, and every fault that is different in meaning."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.faults.proxy.faults import LASTING, OF_READS, OF_WRITES, OPENINGS, Delivery, Family, Fault, Silence
from tests.faults.proxy.jobs import JOBS, Job
from tests.faults.proxy.judge import Expectation
from tests.faults.proxy.places import Place, inspections_of, reads_of, writes_of

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
ROWS = (*Family, *dict.fromkeys(f"{fault.family}, lasting" for fault in LASTING))
COLUMNS = ("resolve", "plan", "preflight", "observe", "write", "wait", "inspect")
_SHORT_SECONDS, _SECONDS = 2.0, 10.0


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
    def row(self) -> str:
        """Return the row of the report's table."""
        return f"{self.fault.family}{', lasting' if self.fault.lasting else ''}"

    @property
    def column(self) -> str:
        """Return the column of the report's table."""
        if self.place.question == "apply":
            return "write" if self.is_of_a_write else "wait"
        return self.place.question

    @property
    def is_of_a_write(self) -> bool:
        """True where the request is to have the effect."""
        return self.place in writes_of(self.job)

    @property
    def meetings(self) -> tuple[tuple[Place, Fault], ...]:
        """Which requests meet which fault."""
        if not self.opening:
            return ((self.place, self.fault),)
        write = next(each for each in writes_of(self.job) if self.place in inspections_of(each))
        return (write, OPENINGS[self.opening]), (self.place, self.fault)

    @property
    def timeout(self) -> float:
        """The client's time limit for one request, in seconds: short where it is waited for."""
        return _SHORT_SECONDS if self.timeout_is_waited_for else _SECONDS

    @property
    def timeout_is_waited_for(self) -> bool:
        """True where nothing is answered before it."""
        return self.fault.answer is Silence.LATE

    @property
    def expectation(self) -> Expectation:
        """What it may end as."""
        fault, family = self.fault, self.fault.family
        if fault.lasting:
            return Expectation(may_be_unknown=True, has_to_succeed=False)
        if self.opening and fault.form == "another uid's":
            # An object of that name with another uid is what is there after somebody replaced it.
            return Expectation(may_be_unknown=True, has_to_succeed=False)
        landed = self.opening == "landed" or (self.is_of_a_write and fault.delivery is not Delivery.NEVER)
        asked_again = family in _TRIED_AGAIN or (
            family is Family.SWAPPED and bool(self.opening or self.is_of_a_write)
        )
        return Expectation(has_to_succeed=landed or asked_again)


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
                # Which uid a new object gets, nobody knows beforehand.
                if (write.what, fault.form) != ("create", "another uid's"):
                    yield Cell(job, write, fault)
            for place in inspections_of(write):
                for opening in OPENINGS:
                    for fault in one_of_each(place, Family):
                        yield Cell(job, place, fault, opening)


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
    """Return the cells of every test run: each form, operation and request; each family and delivery of a write."""
    shown = [(cell, _shows(cell)) for cell in whole_matrix()]
    missing: set[str] = set().union(*(shows for _, shows in shown))
    chosen: list[Cell] = []
    while missing:
        # What is waited for costs seconds, so another form is chosen where one will do.
        best, shows = max(shown, key=lambda each: (len(each[1] & missing), -each[0].timeout_is_waited_for))
        chosen.append(best)
        missing -= shows
    return chosen


def _shows(cell: Cell) -> frozenset[str]:
    fault = cell.fault
    shows = {fault.form, cell.job.name, cell.request}
    if cell.is_of_a_write:
        # Here an untruth would cost the most.
        shows |= {f"{fault.family} of a write", f"{fault.delivery} of a write", f"lasting {fault.lasting}"}
    return frozenset(shows)
