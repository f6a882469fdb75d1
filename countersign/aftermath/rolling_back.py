"""Take back what made the target worse."""

from countersign.aftermath.subject import Skipped, StepEnd, Subject


def roll_back(_subject: Subject) -> StepEnd:
    """Take back what made the target worse."""
    return Skipped("not configured")
