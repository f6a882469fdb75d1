"""Every step after an execution: the function that does it, and how long it may take.

Adding one: a name in records/states.py, a line in execution/afterwards.py, a module with a function from Subject to
Done or Skipped, and a line here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from countersign.aftermath import operation_log
from countersign.aftermath.incidents import disposition, resolution
from countersign.aftermath.knowledge import deposit
from countersign.aftermath.learning import extraction, learn
from countersign.aftermath.notifications import card, notify
from countersign.aftermath.rollback import roll_back
from countersign.aftermath.subject import StepFunction
from countersign.aftermath.verification import verify
from countersign.records.states import StepName
from countersign.settings import Settings


@dataclass(frozen=True)
class StepKind:
    """How a step is run."""

    run: StepFunction
    limit_seconds: Callable[[Settings], float]


def _limit(seconds: float) -> Callable[[Settings], float]:
    return lambda _settings: seconds


STEPS: Mapping[StepName, StepKind] = {
    StepName.NOTIFY: StepKind(notify.notify, _limit(60)),
    StepName.REPLY_ON_CARD: StepKind(card.reply_on_card, _limit(30)),
    StepName.VERIFY: StepKind(verify.verify, lambda settings: settings.verify_limit_seconds),
    StepName.LEARN: StepKind(learn.learn, _limit(30)),
    StepName.ROLL_BACK: StepKind(roll_back, _limit(180)),
    StepName.DEPOSIT_KNOWLEDGE: StepKind(deposit.deposit_knowledge, _limit(30)),
    StepName.EXTRACT_PLAYBOOK: StepKind(extraction.extract_playbook, _limit(30)),
    StepName.RECORD_DISPOSITION: StepKind(disposition.record_disposition, _limit(30)),
    StepName.RESOLVE_INCIDENT: StepKind(resolution.resolve_incident, _limit(30)),
    StepName.CLOSE_LOG: StepKind(operation_log.close_log, _limit(30)),
}
