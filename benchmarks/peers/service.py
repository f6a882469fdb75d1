"""What both peers share as processes: they read their settings, say that they are ready, work, and say when."""

import json
import ssl
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml


@dataclass(frozen=True)
class Given:
    """What a peer is started with, as one line of JSON on standard input."""

    database_url: str
    kubeconfig: str
    namespace: str
    names: list[str]


def given() -> Given:
    """Read what to do."""
    return Given(**json.loads(sys.stdin.readline()))


def api(kubeconfig: str) -> dict[str, object]:
    """Return the arguments of an httpx client of the cluster."""
    document = yaml.safe_load(Path(kubeconfig).read_text())
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    context = ssl.create_default_context()
    if "certificate-authority" in cluster:
        context = ssl.create_default_context(cafile=cluster["certificate-authority"])
    elif "certificate-authority-data" in cluster:
        import base64  # noqa: PLC0415 - where the kubeconfig carries the certificate

        context = ssl.create_default_context(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode("ascii")
        )
    return {
        "base_url": cluster["server"],
        "headers": {"Authorization": f"Bearer {user['token']}"},
        "verify": context,
        "timeout": 30,
        "limits": httpx.Limits(max_connections=32),
    }


def ready() -> None:
    """Say that it is ready, and wait for the word to begin."""
    print("ready", flush=True)
    sys.stdin.readline()


def done(began: float) -> None:
    """Say how long everything took."""
    print(json.dumps({"began": began, "ended": time.time()}), flush=True)
    sys.stdin.readline()
