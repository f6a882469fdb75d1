"""What whoever waits for a run is told on standard error: how far it is, and what it waits for."""

from time import monotonic

from countersign.cli.screen import say
from countersign.errors import ConfigurationError
from countersign.execution.run_progress import RunProgress

QUIET_SECONDS = 2.0
SAID_AGAIN_SECONDS = 30.0


class ProgressLines:
    """Says how far a run is: when something has happened, and now and then that it goes on."""

    def __init__(self) -> None:
        self._said: tuple[str, str] | None = None
        self._when = monotonic() - SAID_AGAIN_SECONDS + QUIET_SECONDS

    def tell(self, found: RunProgress) -> None:
        """Say it, unless that was said; what is over within two seconds is not told of."""
        news = (found.said, found.held_up_by)
        if (self._said is not None and news != self._said) or monotonic() - self._when >= SAID_AGAIN_SECONDS:
            say(found.sentence, err=True)
            self._said, self._when = news, monotonic()


def say_what_it_waits_for(obstacle: ConfigurationError | None) -> None:
    """Tell whoever waits for a run that nobody takes."""
    if obstacle is not None:
        say(f"The run waits: {obstacle.message}.\nhint: {obstacle.hint}", err=True)
