"""The thread that ends break-glasses in time and tells every channel of them: one web process at a time does."""

from countersign.aftermath.notifications.break_glass import look
from countersign.execution.keeper import LONGEST_WAIT_SECONDS, Keeper
from countersign.records.leading import BREAKING_GLASS, Leadership


class BreakGlassKeeper(Keeper):
    """Keeps them until it is closed."""

    name = "break-glass"
    later = "channels are told of break-glass later"

    def _turn(self) -> None:
        services = self._services()
        if services.policy.break_glass is None:
            # What was open when the policy took its rule away is ended.
            look(services)
        else:
            self._lead()

    def _lead(self) -> None:
        """Look until it is over, if this process is the one to; return at once where another one is."""
        leadership = Leadership(self._services().engine, BREAKING_GLASS)
        try:
            if not leadership.lead():
                return
            while not self._over.is_set():
                services = self._services()
                look(services)
                if services.policy.break_glass is None:
                    return
                leadership.wait(LONGEST_WAIT_SECONDS)
        finally:
            leadership.close()
