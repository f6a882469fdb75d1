"""The style sheet, the script and the mark: our own, and htmx with its extensions, from the package that ships them.

Each file's address carries the hash of its content, so browsers keep it for good and a new version is another file.
What is sent is compressed, once: it holds nothing that its length tells of, as a page with a token would.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from countersign.web.content_security import HEADERS

PATH: Final = "/static"
KINDS: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
SHIPPED: Final = ("htmx-4.min.js", "ext/hx-sse-4.min.js", "ext/hx-upsert-4.min.js")
OURS: Final = {
    "pages.css": ("countersign.css", "trends.css"),
    "pages.js": ("countersign.js", "live.js", "passkey.js"),
    "mark.svg": ("mark.svg",),
}
"""Scripts are served as one file: htmx looks at the page one tick after its own script, and an extension that comes
later never sees what it is for."""
KEPT_FOR_GOOD: Final = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}


@dataclass(frozen=True)
class StaticFile:
    """One file, read once."""

    content: bytes
    compressed: bytes
    """By gzip."""
    media_type: str
    hash: str


@lru_cache(maxsize=1)
def static_files() -> Mapping[str, StaticFile]:
    """Return every file by its name."""
    own = files("countersign.web.pages").joinpath("static")
    # Only its files are used: the package itself would want Django.
    shipped = files("django_htmx").joinpath("static", "django_htmx")
    parts = {name: [_read(own, part) for part in ours] for name, ours in OURS.items()}
    parts["pages.js"][:0] = [_read(shipped, part) for part in SHIPPED]
    return {name: _file(name, found) for name, found in parts.items()}


def _read(folder: Traversable, name: str) -> bytes:
    return folder.joinpath(*name.split("/")).read_bytes()


def _file(name: str, parts: list[bytes]) -> StaticFile:
    kind = name.rsplit(".", 1)[-1]
    content = (b";\n" if kind == "js" else b"\n").join(parts)
    return StaticFile(
        content=content,
        compressed=gzip.compress(content, mtime=0),
        media_type=KINDS[kind],
        hash=hashlib.sha256(content).hexdigest()[:16],
    )


def address_of(name: str) -> str:
    """Return the address of a file, with its hash."""
    return f"{PATH}/{static_files()[name].hash}/{name}"


def _answer(request: Request) -> Response:
    found = static_files().get(request.path_params["name"])
    if found is None or found.hash != request.path_params["hash"]:
        return PlainTextResponse("there is no such file", status_code=404, headers=HEADERS)
    headers = {**HEADERS, **KEPT_FOR_GOOD}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(found.content, media_type=found.media_type, headers=headers)
    return Response(found.compressed, media_type=found.media_type, headers={**headers, "Content-Encoding": "gzip"})


STATIC: Final = Mount(PATH, routes=[Route("/{hash}/{name}", _answer, methods=["GET"])], name="static")
"""What the application mounts."""
