"""The records answer."""

from countersign.cli.questions.asked import Questions
from countersign.cli.questions.records.approvals import ApprovalsOnRecord
from countersign.cli.questions.records.installation import InstallationOnRecord
from countersign.cli.questions.records.known import KnownOnRecord


def answered_by_records() -> Questions:
    """Return who answers from the records; nothing is opened before it is asked for."""
    return Questions(ApprovalsOnRecord(), InstallationOnRecord(), KnownOnRecord())
