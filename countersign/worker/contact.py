"""Since when this process has been hearing from Prefect's server without a gap.

A worker on another host is judged by its silence, and silence says something only about a time in which the server
could have heard it: after an outage of the server every worker seems silent. A worker asks the server for work every
two seconds, so its own answers tell since when the server has been there.
"""

from datetime import datetime, timedelta
from typing import Final

GAP = timedelta(seconds=30)
"""Answers further apart than this do not tell that the server was up in between."""


class Contact:
    """The answers of Prefect's server to this process."""

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._last: datetime | None = None

    def heard(self, now: datetime) -> None:
        """The server has answered."""
        if self._last is None or now - self._last > GAP:
            self._since = now
        self._last = now

    def lost(self) -> None:
        """The server has not answered."""
        self._since = self._last = None

    def since(self, now: datetime) -> datetime:
        """Return since when the server has been up without a doubt: `now` where that is not known."""
        if self._since is None or self._last is None or now - self._last > GAP:
            return now
        return self._since


CONTACT: Final = Contact()
"""This process's."""
