"""The faults: what becomes of a request on its way, and what its sender is told."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tests.faults.proxy import answers
from tests.faults.proxy.answers import Answer
from tests.targets.passing import Reply


class Delivery(StrEnum):
    """When the request arrives at the API server, and how often."""

    ONCE = "delivered"
    NEVER = "not delivered"
    TWICE = "twice"
    """The second delivery's answer is the one that counts."""
    AND_A_LATE_COPY = "and a late copy"
    """Once more when the execution has ended."""
    BEFORE_INSPECTION = "before the target is asked"
    BEFORE_RETRY = "before it is sent again"
    AT_THE_END = "when the execution has ended"


HELD = (Delivery.BEFORE_INSPECTION, Delivery.BEFORE_RETRY, Delivery.AT_THE_END)


class Silence(StrEnum):
    """No answer."""

    RESET = "reset"
    LATE = "too late"
    """Nothing within the client's time limit."""


class Family(StrEnum):
    """Faults of one family differ in form, not in what they mean."""

    LOST = "lost"
    REPEATED = "repeated"
    CUT = "truncated"
    SWAPPED = "swapped"
    FOREIGN_404 = "foreign 404"
    FOREIGN_200 = "foreign 200"
    REFUSED = "refused"
    BUSY = "busy"
    BROKEN = "broken"
    CONTRADICTED = "contradicted"


@dataclass(frozen=True)
class Fault:
    """What happens to one request."""

    form: str
    family: Family
    delivery: Delivery
    answer: Answer | Silence
    lasting: bool = False
    """True: also to every request after it, reads included; those are not delivered."""

    @property
    def name(self) -> str:
        """Return the fault's name in reports."""
        return f"{self.form}, {self.delivery}{', lasting' if self.lasting else ''}"


def _always(reply: Reply) -> Answer:
    return lambda true, older: reply


_INVENTED: Mapping[Family, Mapping[str, Reply]] = {
    Family.FOREIGN_404: answers.FOREIGN_404,
    Family.FOREIGN_200: answers.FOREIGN_200,
    Family.REFUSED: answers.REFUSED,
    Family.BUSY: answers.BUSY,
    Family.BROKEN: answers.BROKEN,
    Family.CONTRADICTED: answers.CONTRADICTED,
}
_CUT: Mapping[str, Answer] = {
    "half, length of the whole": answers.half_as_promised,
    "half": answers.half,
    "empty": answers.empty,
    "as a page": answers.as_a_page,
}


def _invented(delivery: Delivery) -> Iterator[Fault]:
    for family, forms in _INVENTED.items():
        for form, reply in forms.items():
            yield Fault(form, family, delivery, _always(reply))


def _swapped(delivery: Delivery) -> Iterator[Fault]:
    for form, answer in answers.SWAPPED.items():
        yield Fault(form, Family.SWAPPED, delivery, answer)


OF_READS = (
    Fault("reset", Family.LOST, Delivery.NEVER, Silence.RESET),
    Fault("too late", Family.LOST, Delivery.NEVER, Silence.LATE),
    Fault("repeated", Family.REPEATED, Delivery.TWICE, answers.truth),
    *(Fault(form, Family.CUT, Delivery.ONCE, answer) for form, answer in _CUT.items()),
    *_swapped(Delivery.ONCE),
    *_invented(Delivery.NEVER),
)
"""Whether a read arrives makes no difference to anybody, so each form is there once."""

OF_WRITES = (
    Fault("reset", Family.LOST, Delivery.NEVER, Silence.RESET),
    Fault("reset", Family.LOST, Delivery.ONCE, Silence.RESET),
    Fault("too late", Family.LOST, Delivery.NEVER, Silence.LATE),
    Fault("too late", Family.LOST, Delivery.ONCE, Silence.LATE),
    Fault("reset", Family.LOST, Delivery.BEFORE_INSPECTION, Silence.RESET),
    Fault("reset", Family.LOST, Delivery.BEFORE_RETRY, Silence.RESET),
    Fault("reset", Family.LOST, Delivery.AT_THE_END, Silence.RESET),
    Fault("repeated", Family.REPEATED, Delivery.TWICE, answers.truth),
    Fault("repeated", Family.REPEATED, Delivery.AND_A_LATE_COPY, answers.truth),
    Fault("repeated, answer lost", Family.REPEATED, Delivery.TWICE, Silence.RESET),
    *(Fault(form, Family.CUT, Delivery.ONCE, answer) for form, answer in _CUT.items()),
    *(fault for delivery in (Delivery.ONCE, Delivery.NEVER) for fault in _swapped(delivery)),
    *(fault for delivery in (Delivery.ONCE, Delivery.NEVER) for fault in _invented(delivery)),
)

_LASTING_FORMS = ("404 no Route matched", "200 {}", "200 bare Status", "401 gateway", "503 page")
LASTING = (
    *(
        Fault(fault.form, fault.family, fault.delivery, fault.answer, lasting=True)
        for fault in OF_WRITES
        if fault.form in _LASTING_FORMS
    ),
    Fault("reset", Family.LOST, Delivery.NEVER, Silence.RESET, lasting=True),
    Fault("reset", Family.LOST, Delivery.ONCE, Silence.RESET, lasting=True),
)
"""Met by the write and by everything after it: nobody can ask the target any more."""
EVERY_ATTEMPT_LATE = Fault("reset, every attempt", Family.LOST, Delivery.AT_THE_END, Silence.RESET)
"""Every write is met, and arrives when the record is settled."""
OPENINGS = {
    "landed": Fault("reset", Family.LOST, Delivery.ONCE, Silence.RESET),
    "not landed": Fault("reset", Family.LOST, Delivery.NEVER, Silence.RESET),
}
"""What happens to a write so that the target is asked about it."""
