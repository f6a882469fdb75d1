"""A session in the browser: its cookie is set when somebody logs in, and taken back when they leave."""

from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response

from countersign.errors import Forbidden
from countersign.execution.access import SESSION_LIFE, Shown
from countersign.web.acting import COOKIE

_SECONDS: Final = int(SESSION_LIFE.total_seconds())


def set_session(response: Response, session: Shown) -> None:
    """Have the browser show the session from now on: to this host alone, encrypted, to no script."""
    set_cookie(response, COOKIE, session.secret.get_secret_value(), seconds=_SECONDS)


def end_in_browser(response: Response) -> None:
    """Have the browser forget the session."""
    set_cookie(response, COOKIE, "", seconds=0)


def set_cookie(response: Response, name: str, value: str, *, seconds: int) -> None:
    """Set a cookie of the kind that no other host, no script and no plain connection gets to (RFC 6265bis, 4.1.3.2).

    Lax, since whoever comes back from a login provider comes from another site.
    """
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")


def require_own_origin(request: Request) -> None:
    """Raise Forbidden where a browser says that another site's page sends this; before there is a session to ask.

    A login that somebody else's page begins would have a person act in a stranger's name.
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    foreign = origin not in (None, "null") and urlsplit(str(origin)).netloc != request.headers.get("host")
    if site not in ("same-origin", "none") or foreign or origin == "null":
        raise Forbidden("Another site's page has sent this.", hint="open the link in the browser yourself")


def local_path(back: str) -> str:
    """Return `back` if it leads to a page of this site, else the first page."""
    plain = back.startswith("/") and not back.startswith("//") and "\\" not in back and back.isprintable()
    return back if plain else "/"
