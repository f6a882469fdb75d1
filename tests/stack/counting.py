"""Counting what a worker asks Prefect's server: Python reads `sitecustomize` before anything of the worker's."""

import re
from collections import Counter
from pathlib import Path

FILE = "requests"
# A request's line is written by one call, so that those of several threads do not mix.
CUSTOMIZE = """
import sys
if "countersign.worker" in sys.orig_argv:
    import os, httpx
    file = os.open({file!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    send, asend = httpx.Client.send, httpx.AsyncClient.send
    def note(request):
        os.write(file, f"{{request.method}} {{request.url.path}}\\n".encode())
    def counted(self, request, *args, **others):
        note(request)
        return send(self, request, *args, **others)
    async def acounted(self, request, *args, **others):
        note(request)
        return await asend(self, request, *args, **others)
    httpx.Client.send, httpx.AsyncClient.send = counted, acounted
"""
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def count_requests(folder: Path) -> None:
    """Have workers whose module path has `folder` note their requests in it."""
    (folder / "sitecustomize.py").write_text(CUSTOMIZE.format(file=str(folder / FILE)))


def counted(folder: Path) -> Counter[str]:
    """Return how many requests were made so far, by method and path."""
    lines = (folder / FILE).read_text().splitlines() if (folder / FILE).exists() else []
    return Counter(_ID.sub("ID", line).replace(" /api", " ", 1) for line in lines)
