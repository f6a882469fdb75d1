"""Which steps follow an execution: one pure decision, put on the ledger in the outcome's transaction."""

from countersign.records.ledger import NewStep
from countersign.records.states import StepName

# What each waits for. A step that failed for good does not hold up those behind it.
AFTER: dict[StepName, tuple[StepName, ...]] = {
    StepName.NOTIFY: (),
    StepName.REPLY_ON_CARD: (StepName.DEPOSIT_KNOWLEDGE, StepName.EXTRACT_PLAYBOOK),
    StepName.VERIFY: (),
    StepName.LEARN: (StepName.VERIFY,),
    StepName.ROLL_BACK: (StepName.VERIFY,),
    StepName.DEPOSIT_KNOWLEDGE: (StepName.VERIFY,),
    StepName.EXTRACT_PLAYBOOK: (StepName.VERIFY, StepName.LEARN),
    StepName.RECORD_DISPOSITION: (),
    StepName.RESOLVE_INCIDENT: (StepName.ROLL_BACK, StepName.EXTRACT_PLAYBOOK),
    StepName.CLOSE_LOG: (),
}
OF_A_ROLLBACK = (StepName.NOTIFY, StepName.VERIFY, StepName.CLOSE_LOG)


def steps_after(*, dry_run: bool = False, rollback: bool = False) -> tuple[NewStep, ...]:
    """Return the steps of an execution: none after a dry run, few after a rollback, else all.

    Whether a step has anything to do is for the step to say: one that has not ends as skipped, with its reason.
    """
    if dry_run:
        return ()
    names = OF_A_ROLLBACK if rollback else tuple(AFTER)
    positions = {name: number for number, name in enumerate(StepName, start=1)}
    return tuple(NewStep(name, positions[name], AFTER[name]) for name in names)
