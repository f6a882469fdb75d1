"""The style sheet and the scripts: our own, and htmx with its extensions, from the package that ships them.

Each file's address carries the hash of its content, so browsers keep it for good and a new version is another file.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from countersign.web.content_security import HEADERS

PATH: Final = "/static"
KINDS: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
OURS: Final = ("countersign.css", "trends.css", "countersign.js", "passkey.js", "mark.svg")
HTMX: Final = "htmx.js"
SHIPPED: Final = ("htmx-4.min.js", "ext/hx-sse-4.min.js", "ext/hx-upsert-4.min.js")
"""What is served as one file: htmx looks at the page one tick after its own script, and an extension whose file comes
later than that never sees what it is for."""
KEPT_FOR_GOOD: Final = {"Cache-Control": "public, max-age=31536000, immutable"}


@dataclass(frozen=True)
class StaticFile:
    """One file, read once."""

    content: bytes
    media_type: str
    hash: str


@lru_cache(maxsize=1)
def static_files() -> Mapping[str, StaticFile]:
    """Return every file by its name."""
    own = files("countersign.web.pages").joinpath("static")
    # Only its files are used: the package itself would want Django.
    shipped = files("django_htmx").joinpath("static", "django_htmx")
    found = {name: own.joinpath(name).read_bytes() for name in OURS}
    found[HTMX] = b";\n".join(shipped.joinpath(*name.split("/")).read_bytes() for name in SHIPPED)
    return {
        name: StaticFile(content, KINDS[name.rsplit(".", 1)[-1]], hashlib.sha256(content).hexdigest()[:16])
        for name, content in found.items()
    }


def address_of(name: str) -> str:
    """Return the address of a file, with its hash."""
    return f"{PATH}/{static_files()[name].hash}/{name}"


def _answer(request: Request) -> Response:
    found = static_files().get(request.path_params["name"])
    if found is None or found.hash != request.path_params["hash"]:
        return PlainTextResponse("there is no such file", status_code=404, headers=HEADERS)
    return Response(found.content, media_type=found.media_type, headers={**HEADERS, **KEPT_FOR_GOOD})


STATIC: Final = Mount(PATH, routes=[Route("/{hash}/{name}", _answer, methods=["GET"])], name="static")
"""What the application mounts."""
