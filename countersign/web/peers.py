"""Which certificate a connection's client has shown, for whoever handles its requests.

uvicorn verifies clients' certificates where it is told to, and hands none to the application: ASGI's TLS extension is
not there in it (`H11Protocol.handle_events` makes the scope). What it copies into every request's scope is the state
of the lifespan, so a connection's own is that with its certificate. No header has a part in it.
"""

from typing import Any, Final

from starlette.requests import Request

from countersign.web.certificates import Certificate, certificate_of
from countersign.web.head_in_time import HeadInTime

_STATE: Final = "client_certificate"


class KnownPeer(HeadInTime):
    """uvicorn's protocol, with the client's certificate in the state of each request."""

    def connection_made(self, transport: Any) -> None:
        """Look at the certificate once for the connection."""
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        shown = connection.getpeercert() if connection is not None else None
        self.app_state = {**self.app_state, _STATE: certificate_of(shown) if shown else None}


def certificate_shown(request: Request) -> Certificate | None:
    """Return the certificate of the request's connection; None without one."""
    found = request.scope.get("state", {}).get(_STATE)
    return found if isinstance(found, Certificate) else None
