"""A thin client for any Kubernetes API server: JSON in, status code and JSON out, one attempt, no judgement.

Probes ask about status codes and Status bodies, so nothing here turns an answer into an error.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

import yaml
from kubernetes.client import ApiClient, Configuration
from kubernetes.config.kube_config import load_kube_config_from_dict

JSON = "application/json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"

REQUEST_SECONDS = 20

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """What came back for one request."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(repr=False)

    @property
    def reason(self) -> str | None:
        """The reason of a Status body."""
        return self.body.get("reason") if isinstance(self.body, dict) else None

    @property
    def causes(self) -> set[str]:
        """The fields that a Status body complains about."""
        return {cause.get("field") for cause in self.body["details"]["causes"]}

    def ok(self) -> Any:
        """Return the body of an answer that has to be a success."""
        assert 200 <= self.status < 300, f"{self.status}: {json.dumps(self.body)[:800]}"
        return self.body


class Api:
    """One API server, as the kubeconfig's user. A context manager."""

    def __init__(self, kubeconfig: str, context: str | None) -> None:
        document = yaml.safe_load(kubeconfig)
        self.kubeconfig = kubeconfig
        self.context = context or document["current-context"]
        self._files = tempfile.TemporaryDirectory(prefix="countersign-contract-")
        configuration = Configuration()
        load_kube_config_from_dict(
            document,
            context=self.context,
            client_configuration=configuration,
            persist_config=False,
            temp_file_path=self._files.name,
        )
        configuration.retries = False
        self._configuration = configuration
        self._client = ApiClient(configuration)
        self._versions: dict[str, list[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        self._files.cleanup()

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = JSON,
        token: str | None = None,
        accept: str = JSON,
    ) -> Answer:
        """Send one request; `body` is sent as JSON, or as it is when it is bytes."""
        headers = {"Accept": accept, **({"authorization": f"Bearer {token}"} if token is not None else {})}
        response = self._send(method, path, body, query or {}, {**headers, "Content-Type": content_type})
        data = response.read()
        response.release_conn()
        try:
            parsed = json.loads(data)
        except ValueError:
            parsed = data.decode(errors="replace")
        return Answer(response.status, parsed, response.headers)

    def get(self, path: str, **query: str) -> Answer:
        """GET `path`."""
        return self.request("GET", path, query=query)

    def watch(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """Yield the events of a watch until the server ends it (`timeoutSeconds` is 10 unless given)."""
        asked = {"watch": "true", "timeoutSeconds": "10", **query}
        response = self._send("GET", path, None, asked, {"Accept": JSON})
        assert response.status == 200, response.read()
        rest = b""
        try:
            for chunk in response.stream(65536):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (json.loads(line) for line in lines if line)
        finally:
            response.close()

    def versions(self, group: str) -> list[str]:
        """Return the versions that the server has of an API group; none if it does not know the group."""
        if group not in self._versions:
            answer = self.get(f"/apis/{group}")
            found = [] if answer.status == 404 else [entry["version"] for entry in answer.ok()["versions"]]
            self._versions[group] = found
        return self._versions[group]

    def first_version(self, group: str, *wanted: str) -> str:
        """Return the first of the `wanted` versions that the server has, as `group/version`."""
        return next(f"{group}/{version}" for version in wanted if version in self.versions(group))

    def _send(self, method: str, path: str, body: Any, query: Mapping[str, str], own: Mapping[str, str]) -> Any:
        headers = dict(own)
        auth = self._configuration.auth_settings().get("BearerToken")
        if auth:
            headers.setdefault(auth["key"], auth["value"])
        data = None
        if body is None:
            headers.pop("Content-Type", None)
        else:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._client.rest_client.pool_manager.request_encode_url(
            method,
            self._configuration.host.rstrip("/") + path,
            fields=dict(query) or None,
            headers=headers,
            body=data,
            retries=False,
            timeout=REQUEST_SECONDS,
            preload_content=False,
        )


def wait_for(read: Callable[[], T], until: Callable[[T], Any], *, what: str, seconds: float = 90) -> T:
    """Read again and again until the value is the wanted one, and return it; fail with the last one seen."""
    deadline = time.monotonic() + seconds
    pause = 0.005
    while True:
        value = read()
        if until(value):
            return value
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}; last seen: {str(value)[:1500]}"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)
