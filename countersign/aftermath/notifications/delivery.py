"""Begin to tell a channel: on record first, and by the runner that has the step, for as long as sending takes."""

from time import monotonic

from countersign.aftermath.step_lease import lease_seconds
from countersign.aftermath.subject import Subject
from countersign.records.database.engine import transaction
from countersign.records.deliveries import Postponed, begin_delivery
from countersign.records.ledger import keep_step

FRESH_SECONDS = 3.0
"""Who was held up for longer than this since it asked (its process was stopped) asks again before it sends."""


def begin(subject: Subject, channel: str) -> bool | Postponed:
    """Begin an attempt to tell `channel`; False where it was told, Postponed where it is too early.

    The step's lease begins anew with it, so that nobody else tells meanwhile. Raises StaleFence.
    """
    lease = lease_seconds(subject.services.settings)
    while True:
        asked = monotonic()
        with transaction(subject.engine) as session:
            keep_step(session, subject.step, lease)
            begun = begin_delivery(session, subject.execution_id, channel, fence=subject.step.fence)
        if begun is not True or monotonic() - asked < FRESH_SECONDS:
            return begun
