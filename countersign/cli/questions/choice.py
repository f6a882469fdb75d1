"""Who answers: the API where one is named, else the records."""

from countersign.cli.questions.asked import Questions
from countersign.cli.questions.records import answered_by_records
from countersign.cli.server import server_of
from countersign.settings import load_settings


def questions() -> Questions:
    """Return who answers. Raises ConfigurationError, InvalidInput where that cannot be told."""
    server = server_of(load_settings())
    if server is None:
        return answered_by_records()
    from countersign.cli.questions.api import answered_by_api  # noqa: PLC0415 - the records need no HTTP

    return answered_by_api(server.url, server.token)
