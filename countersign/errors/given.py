"""What somebody gave is not what was asked for."""

from countersign.errors.base import CountersignError


class InvalidInput(CountersignError):
    """A value given by the caller is not acceptable; the message names the field."""

    code = "invalid_input"
    about_a_field = True


class Disguised(InvalidInput):
    """A text has something that its reader does not see, or takes for something else."""


class ForeignKey(InvalidInput):
    """A key is another person's than the one who is to sign with it."""


class KeyReused(InvalidInput):
    """The idempotency key was used for another request."""

    code = "idempotency_key_reused"
