"""Count how the anomaly was disposed of."""

from countersign.aftermath.subject import Skipped, StepEnd, Subject


def record_disposition(_subject: Subject) -> StepEnd:
    """Count how the anomaly was disposed of."""
    return Skipped("not configured")
