"""A text that is not an action, or one that is never performed."""

from countersign.errors.base import CountersignError


class ParseFailure(CountersignError):
    """The action's text is not an operation that Countersign performs. Nothing was executed."""

    code = "parse_failure"


class HiddenCharacters(ParseFailure):
    """The text has characters that are not seen, or that change how others are seen."""


class ForbiddenAction(ParseFailure):
    """The action would show secrets, or reach elsewhere than its target. Nothing was executed."""
