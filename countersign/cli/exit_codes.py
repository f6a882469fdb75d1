"""What the command's exit code says, one number per meaning (docs/cli.md lists them)."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from countersign.cli.screen import say
from countersign.errors import (
    Archived,
    ChangedSince,
    ConfigurationError,
    CountersignError,
    Forbidden,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    ParseFailure,
    Refused,
    TooManyRequests,
    Unauthenticated,
)

OK = 0
FAILED = 1
USAGE = 2
CONFIGURATION = 3
REFUSED = 4
UNKNOWN = 5
NOT_FOUND = 6


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Turn an error that is made for people into its sentence, its hint and its exit code."""
    try:
        yield
    except CountersignError as error:
        say(f"countersign: {error.message}", err=True)
        if error.hint:
            say(f"  hint: {error.hint}", err=True)
        sys.exit(exit_code(error))


def exit_code(error: CountersignError) -> int:
    """Return the exit code that stands for `error`."""
    match error:
        case InvalidInput() | ParseFailure():
            return USAGE
        case ConfigurationError() | Unauthenticated() | TooManyRequests():
            return CONFIGURATION
        case Refused() | Forbidden() | ChangedSince():
            return REFUSED
        case OutcomeUnknown():
            return UNKNOWN
        case NotFound() | Archived():
            return NOT_FOUND
        case _:
            return FAILED
