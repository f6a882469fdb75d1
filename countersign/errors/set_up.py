"""Something that Countersign stands on is missing, away or not to be trusted."""

from countersign.errors.base import CountersignError


class ConfigurationError(CountersignError):
    """A setting is missing or cannot be right."""

    code = "configuration"
    about_a_field = True


class BlockRefused(ConfigurationError):
    """A block would have the worker run a program, give a file away or believe a stranger."""


class DatabaseUnavailable(ConfigurationError):
    """PostgreSQL cannot be reached or refuses the credentials."""

    code = "database_unavailable"


class HeldUp(DatabaseUnavailable):
    """This process or PostgreSQL was too slow for the lease each time a request was to be sent, so none was."""

    code = "held_up"


class RowLocked(DatabaseUnavailable):
    """Another session keeps what is to be written locked; PostgreSQL itself is there."""


class MemoryUnavailable(ConfigurationError):
    """Redis cannot be reached."""

    code = "memory_unavailable"


class PolicyNotTrusted(ConfigurationError):
    """The policy on record is not what its administrators signed, or not the newest one, so nothing is done by it."""

    code = "policy_not_trusted"


class ForeignCode(CountersignError):
    """Something outside of what is installed here was to decide which code runs."""

    code = "foreign_code"

    def __init__(self, message: str | None = None, *, hint: str | None = None, of: str = "entrypoint") -> None:
        super().__init__(message, hint=hint)
        self.of = of
        """What would have brought it: "entrypoint", "deployment" or "result"."""
