"""The API answers."""

from pydantic import SecretStr

from countersign.cli.questions.api.approvals import ApprovalsOverApi
from countersign.cli.questions.api.installation import InstallationOverApi
from countersign.cli.questions.api.known import KnownOverApi
from countersign.cli.questions.asked import Questions
from countersign.client import Client


def answered_by_api(url: str, token: SecretStr) -> Questions:
    """Return who answers from the API at `url`; the connection lasts as long as this process."""
    client = Client(url, token)
    return Questions(ApprovalsOverApi(client), InstallationOverApi(client), KnownOverApi(client))
