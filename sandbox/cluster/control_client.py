"""ControlClient: watching and disturbing a sandbox cluster of another process."""

import base64
import http.client
import json
import ssl
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from countersign.errors import InvalidInput, TransientTargetError
from sandbox.cluster.behaviours import Behaviour
from sandbox.cluster.faults import Fault
from sandbox.cluster.requests import RequestLog, from_json

_TIMEOUT_SECONDS = 10


class ControlClient:
    """Asks a sandbox's control endpoint. Methods raise TransientTargetError where it can't be reached."""

    def __init__(self, url: str, token: str, *, certificate: str | None = None) -> None:
        parts = urlsplit(url)
        self._place = (parts.hostname or "127.0.0.1", parts.port or 443)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._tls = ssl.create_default_context(cadata=certificate) if certificate else _unverified()

    @classmethod
    def from_kubeconfig(cls, kubeconfig: str | Path) -> "ControlClient":
        """Return the client of the sandbox that wrote this kubeconfig, given as its text or as a path."""
        document = yaml.safe_load(kubeconfig.read_text() if isinstance(kubeconfig, Path) else kubeconfig)
        cluster = document["clusters"][0]["cluster"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        return cls(cluster["server"], document["users"][0]["user"]["token"], certificate=authority)

    def requests(self, *, since: int = 0) -> RequestLog:
        """Return the request log, from after the request with that number."""
        return from_json(self._ask("GET", f"requests?since={since}"))

    def mutations(self, *, since: int = 0) -> RequestLog:
        """Return the requests that changed something."""
        return self.requests(since=since).mutations()

    def get(self, path: str) -> Any:
        """GET a path of the API itself, like "/api/v1/nodes"; it is in the request log like any other."""
        return self._send("GET", path, None)

    def forget_requests(self) -> None:
        """Empty the request log."""
        self._ask("DELETE", "requests")

    def add_fault(self, fault: Fault) -> int:
        """Set a fault and return its number."""
        return int(self._ask("POST", "faults", fault.to_json())["id"])

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults that are set, with counts: id, seen, met, waiting, fault."""
        return list(self._ask("GET", "faults"))

    def release(self, number: int) -> None:
        """Let what waits at the fault go on, and end it."""
        self._ask("POST", f"faults/{number}/release")

    def clear_faults(self) -> None:
        """End all faults."""
        self._ask("DELETE", "faults")

    def wait_until_met(self, number: int, *, seconds: float = 30) -> None:
        """Wait until a request waits at (or was met by) the fault. Raises TransientTargetError after `seconds`."""
        deadline = time.monotonic() + seconds
        while not any(each["id"] == number and each["met"] for each in self.faults()):
            if time.monotonic() > deadline:
                raise TransientTargetError(f"No request met fault {number} within {seconds:g} s.")
            time.sleep(0.02)

    def add_behaviour(self, behaviour: Behaviour) -> None:
        """Set how some pods fare from now on."""
        self._ask("POST", "behaviours", behaviour.to_json())

    def clear_behaviours(self) -> None:
        """Let pods fare as their images say."""
        self._ask("DELETE", "behaviours")

    def seed(self, manifests: Iterable[Mapping[str, Any]]) -> None:
        """Create or change objects without a trace in the request log."""
        self._ask("POST", "seed", [dict(item) for item in manifests])

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        return self._send(method, f"/_sandbox/{path}", body)

    def _send(self, method: str, path: str, body: Any) -> Any:
        connection = http.client.HTTPSConnection(*self._place, timeout=_TIMEOUT_SECONDS, context=self._tls)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), self._headers)
            reply = connection.getresponse()
            answer = json.loads(reply.read() or b"null")
        except OSError as error:
            raise TransientTargetError(f"The sandbox's control endpoint was not reached: {error}.") from None
        finally:
            connection.close()
        if reply.status >= 400:
            raise InvalidInput(answer.get("message"), hint=answer.get("hint"))
        return answer


def _unverified() -> ssl.SSLContext:
    """TLS without a known certificate: loopback only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
