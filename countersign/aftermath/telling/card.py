"""Reply on the alert's card."""

from countersign.aftermath.subject import Skipped, StepEnd, Subject


def reply_on_card(_subject: Subject) -> StepEnd:
    """Reply on the alert's card."""
    return Skipped("not configured")
