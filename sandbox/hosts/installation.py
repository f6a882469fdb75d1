"""Making a sandbox machine's folder: its state, and a bin folder with the stand-in programs."""

import json
import secrets
import shlex
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import countersign
from sandbox.hosts.programs.machine import CONTAINERS, Machine

_PROGRAMS = {
    "docker": ("docker", "main"),
    "systemctl": ("systemctl", "main"),
    "certbot": ("certbot", "main"),
    "nginx": ("nginx", "main"),
    "ps": ("ps", "main"),
    "sudo": ("small", "sudo"),
    "service": ("small", "service"),
    "docker-compose": ("small", "docker_compose"),
    "free": ("small", "free"),
    "uptime": ("small", "uptime"),
    "openssl": ("small", "openssl"),
    "stat": ("small", "stat"),
    "truncate": ("small", "truncate"),
}
_PROGRAM_FOLDER = "programs"
# A "#!" line takes no spaces in the interpreter's path and has a limited length, so a shell starts the interpreter.
# -I and -S: nothing of the environment or of site-packages, for a start within 30 ms.
_LAUNCHER = """\
#!/bin/sh
exec {python} -IS {program} "$@"
"""
_PROGRAM = """\
import sys
sys.path.insert(0, {source!r})
from sandbox.hosts.programs import {module}
from sandbox.hosts.programs import machine
sys.exit(machine.run({name!r}, {module}.{function}, {folder!r}))
"""


def program_file(folder: Path, name: str) -> Path:
    """Return the file that the interpreter runs for the stand-in `name`, a word of its command line."""
    return folder / _PROGRAM_FOLDER / name


def install(folder: Path) -> str:
    """Fill `folder`, keeping a state that is there, and return the PATH under which the stand-ins come first."""
    launchers = folder / "bin"
    launchers.mkdir(parents=True, exist_ok=True)
    (folder / _PROGRAM_FOLDER).mkdir(exist_ok=True)
    source = str(Path(countersign.__file__).parent.parent)
    for name, (module, function) in _PROGRAMS.items():
        program = program_file(folder, name)
        program.write_text(
            _PROGRAM.format(source=source, module=module, function=function, name=name, folder=str(folder))
        )
        launcher = launchers / name
        launcher.write_text(_LAUNCHER.format(python=shlex.quote(sys.executable), program=shlex.quote(str(program))))
        launcher.chmod(0o700)
    for log in ("calls.jsonl", "effects.jsonl"):
        (folder / log).touch()
    if not (folder / "state.json").exists():
        (folder / "state.json").write_text(json.dumps(initial_state(folder)))
    return f"{launchers}:/usr/local/bin:/usr/bin:/bin"


def initial_state(folder: Path) -> dict[str, Any]:
    """A machine with three containers, two units, a certificate that is due and one that is not, and an nginx."""
    shop = {"com.docker.compose.project": "shop", "com.docker.compose.service": "cart"}
    image = "sha256:" + secrets.token_hex(32)
    return {
        "sudo": True,
        "faults": [],
        "containers": [
            _container(folder, "web", image, {}),
            _container(folder, "shop-cart-1", image, shop),
            _container(folder, "shop-cart-2", image, shop),
        ],
        "images": [
            {"ID": image, "Size": "300MB", "dangling": False},
            {"ID": "sha256:" + secrets.token_hex(32), "Size": "120MB", "dangling": True},
            {"ID": "sha256:" + secrets.token_hex(32), "Size": "64MB", "dangling": True},
            {"ID": "sha256:" + secrets.token_hex(32), "Size": "90MB", "dangling": False},
        ],
        "volumes": [
            {"Name": secrets.token_hex(32), "dangling": True},
            {"Name": "scratch", "dangling": True},
            {"Name": "orders-data", "dangling": False},
        ],
        "units": {
            name: {"InvocationID": uuid.uuid4().hex, "ActiveState": "active", "SubState": "running"}
            for name in ("nginx.service", "orders.service")
        },
        "certificates": {
            "example.org": _certificate(12),
            "fresh.example.org": _certificate(80),
        },
        "nginx": {
            "config_ok": True,
            "master": 811,
            "start": "Mon Jan  5 08:00:00 2026",
            "workers": [{"pid": pid, "start": "Mon Jan  5 08:00:01 2026"} for pid in (812, 813)],
        },
    }


def _container(folder: Path, name: str, image: str, labels: dict[str, str]) -> dict[str, Any]:
    identifier = secrets.token_hex(32)
    path = str(CONTAINERS / identifier / f"{identifier}-json.log")
    log = Machine(folder).container_log(path)
    assert log is not None
    log.parent.mkdir(parents=True)
    log.write_text('{"log":"started\\n"}\n' * 500)
    return {
        "Id": identifier,
        "Name": f"/{name}",
        "Image": image,
        "State": {"Status": "running", "Running": True, "StartedAt": "2026-01-05T08:00:00.123456789Z"},
        "LogPath": path,
        "HostConfig": {"LogConfig": {"Type": "json-file"}},
        "Config": {"Labels": labels},
    }


def _certificate(days: int) -> dict[str, Any]:
    expires = datetime.now(UTC) + timedelta(days=days)
    return {"serial": secrets.token_hex(18), "expires": expires.strftime("%Y-%m-%d %H:%M:%S+00:00"), "days": days}
