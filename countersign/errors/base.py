"""What every error has."""

import re
from typing import ClassVar

from countersign.masking import masked

_FIELD = re.compile(r"[\w.\[\]-]+: ")


class CountersignError(Exception):
    """Something went wrong in Countersign."""

    code: ClassVar[str] = "error"
    about_a_field: ClassVar[bool] = False
    """The message may begin with a field's name: "private_key: not a key" tells what is wrong, and no secret."""

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        message = message or (type(self).__doc__ or "").splitlines()[0]
        field = _FIELD.match(message) if self.about_a_field else None
        begin = field.end() if field else 0
        # Errors quote actions and what targets answer, and travel into logs, records and Prefect's pages.
        super().__init__(message[:begin] + masked(message[begin:]))
        self.hint = hint and masked(hint)

    @property
    def message(self) -> str:
        """What happened, one sentence."""
        return str(self.args[0])

    @property
    def told(self) -> str:
        """What happened and what would work, for one line."""
        return f"{self.message.rstrip('.')}. {self.hint}" if self.hint else self.message


class NotFound(CountersignError):
    """No record with that identifier exists."""

    code = "not_found"


class Archived(CountersignError):
    """What is asked for has moved to files of the archive."""

    code = "archived"


class InternalError(CountersignError):
    """A fault of Countersign itself; the log has the details."""

    code = "internal"
