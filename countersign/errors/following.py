"""What follows an execution did not come to its end."""

from countersign.errors.base import CountersignError


class TookTooLong(CountersignError):
    """A step after an execution did not end within its time limit."""

    code = "took_too_long"


class DeliveryFailed(CountersignError):
    """A message to people was not delivered, for now."""

    code = "delivery"

    def __init__(
        self, message: str | None = None, *, retry_after: float | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after
        """Seconds the service asked to wait (Retry-After), if it did."""


class DeliveryRefused(DeliveryFailed):
    """A service refuses messages and will refuse them again: its token or its address is wrong."""

    code = "delivery_refused"


class AddressForbidden(DeliveryRefused):
    """The address is one that nothing is sent to: the machine itself, its links, a cloud's metadata."""

    code = "address_forbidden"
