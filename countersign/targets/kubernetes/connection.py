"""The one door to a cluster's API: JSON in, JSON out, one attempt, typed errors.

The official client supplies authentication, TLS and pooling. Its models are not used (they are strict: one
object without an optional counter fails a whole list), and neither are its retries (urllib3 silently repeats
DELETE, and a lost reply would then look like a 404).
"""

import base64
import copy
import json
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import urllib3
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException
from kubernetes.config.kube_config import load_kube_config_from_dict

from countersign.errors import (
    ConfigurationError,
)
from countersign.metrics.targets import Asking
from countersign.private_files import write_private
from countersign.targets.kubernetes.answers import error_of_exception, error_of_status, foreign, warnings_in
from countersign.targets.kubernetes.believing import Asked, asked_of, doubt, groups_of, resources_of
from countersign.targets.kubernetes.kubeconfig import ClusterSettings, usable_document
from countersign.targets.kubernetes.kubeconfig_rules import FILES
from countersign.targets.kubernetes.requests import HttpRequest, dry, real
from countersign.targets.model import Intent, Spent, Step

__all__ = ["ClusterSettings", "Connection", "connect"]


class Connection:
    """A cluster's API for one execution. A context manager; not for use after leaving it.

    Every request is of one of four sorts: `get` reads; `dry_run` and `review` are built so that a real API server
    stores nothing; `send` changes, and demands the intent that is on record for it. Methods raise TargetNotFound,
    TransientTargetError, PermanentTargetError, PreconditionFailed, and `send` also AmbiguousTargetError.
    """

    def __init__(self, settings: ClusterSettings, *, request_timeout: float) -> None:
        self.settings = settings
        self.request_timeout = request_timeout
        self._groups: Mapping[str, tuple[str, ...]] | None = None
        self._resources: dict[str, tuple[Mapping[str, Any], ...]] = {}
        self._spent = Spent()
        self._warnings: list[str] = []
        document = usable_document(settings)
        self.server: str = document["clusters"][0]["cluster"]["server"]
        self.context: str = document["current-context"]
        configuration = Configuration()
        try:
            # TLS reads certificates and keys from files only. They are gone before the first request, so that a
            # process that is killed leaves none behind.
            with tempfile.TemporaryDirectory(prefix="countersign-") as folder:
                load_kube_config_from_dict(  # type: ignore[no-untyped-call]
                    _with_own_files(document, Path(folder)), client_configuration=configuration, persist_config=False
                )
                tls = _tls(configuration)
        except ssl.SSLError:
            raise ConfigurationError(
                f"cluster {settings.name!r}: a certificate or key of the kubeconfig cannot be read",
                hint="check client-certificate-data, client-key-data and certificate-authority-data",
            ) from None
        except (ConfigException, OSError, ValueError, TypeError) as error:
            reason = str(error) if isinstance(error, ConfigException | OSError) else "a field has the wrong form"
            raise ConfigurationError(
                f"cluster {settings.name!r}: the kubeconfig cannot be used: {reason}",
                hint="check its users and clusters",
            ) from None
        configuration.retries = False
        configuration.ssl_ca_cert = configuration.cert_file = configuration.key_file = None
        self._client = ApiClient(configuration)
        self._client.rest_client.pool_manager.connection_pool_kw["ssl_context"] = tls

    def __repr__(self) -> str:
        return f"Connection({self.settings.name!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the pooled connections."""
        self._client.close()  # type: ignore[no-untyped-call]

    def get(self, path: str, query: Mapping[str, str] | None = None, *, what: str | None = None) -> Any:
        """Read `path` once. What comes back is about what the path names."""
        asked = HttpRequest("GET", path, None, query=query or {})
        return self._request(asked, what=what or f"read {path}", about=asked_of(path))

    def send(self, step: Step, intent: Intent) -> Any:
        """Send the request of `step`, once. The only way to change anything, and only for what is on record.

        Whether the answer shows the effect is for the caller to see.
        """
        self._spent.spend(intent, step)
        asked = real(step.request)
        return self._request(asked, what=step.title, about=asked_of(asked.path, asked.body), mutation=True)

    def dry_run(self, request: Mapping[str, Any], *, what: str) -> Any:
        """Have a step's request judged by the server, which stores nothing; None for a step that sends none."""
        asked = dry(request)
        if asked is None:
            return None
        return self._request(asked, what=what, about=asked_of(asked.path, asked.body))

    def review(self, attributes: Mapping[str, str]) -> Any:
        """Ask whether these credentials may do something: SelfSubjectAccessReview, of which nothing is stored."""
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": dict(attributes)},
        }
        answer = self._request(HttpRequest("POST", path, body), what="ask for rights", about=None)
        if not isinstance(answer, Mapping) or answer.get("kind") != "SelfSubjectAccessReview":
            raise foreign("ask for rights", "it is no review", mutation=False)
        return answer

    def who(self, version: str) -> Any:
        """Ask whose these credentials are: SelfSubjectReview of authentication.k8s.io, of which nothing is stored."""
        path = f"/apis/authentication.k8s.io/{version}/selfsubjectreviews"
        body = {"apiVersion": f"authentication.k8s.io/{version}", "kind": "SelfSubjectReview"}
        return self._request(HttpRequest("POST", path, body), what="ask for the account", about=None)

    def versions(self, group: str) -> tuple[str, ...]:
        """Return the versions that the server has of an API group, its preferred one first; () if none."""
        if self._groups is None:
            groups = groups_of(self.get("/apis", what="read the API groups"))
            if groups is None:
                raise foreign("read the API groups", "it is no list of groups", mutation=False)
            self._groups = dict(groups)
        return self._groups.get(group, ())

    def resources(self, group: str, version: str) -> tuple[Mapping[str, Any], ...]:
        """Return what a version of an API group has, as discovery lists it (APIResource)."""
        key = f"{group}/{version}"
        if key not in self._resources:
            found = resources_of(self.get(f"/apis/{key}", what=f"read {key}"))
            if found is None:
                raise foreign(f"read {key}", "it is no list of resources", mutation=False)
            self._resources[key] = found
        return self._resources[key]

    def warnings(self) -> tuple[str, ...]:
        """Return what the server has warned of since the last time (Warning headers, RFC 9111), each once."""
        found, self._warnings = tuple(dict.fromkeys(self._warnings)), []
        return found

    def _server_timeout(self) -> str:
        # The server must give up before the client does, else a refused request may still be worked on.
        return f"{max(1, int(self.request_timeout * 0.8))}s"

    def _request(self, asked: HttpRequest, *, what: str, about: Asked | None, mutation: bool = False) -> Any:
        headers = {"Accept": "application/json"}
        query = dict(asked.query)
        if asked.method != "GET":
            headers["Content-Type"] = asked.content_type
            query["timeout"] = self._server_timeout()
        request = self._client.param_serialize(
            asked.method,
            asked.path,
            query_params=list(query.items()),
            header_params=headers,
            body=asked.body,
            auth_settings=["BearerToken"],
        )
        asking = Asking(self.settings.name, asked.method, effect=mutation)
        try:
            response = self._client.call_api(*request, _request_timeout=self.request_timeout)
            data = response.read()  # type: ignore[no-untyped-call]
        except (urllib3.exceptions.HTTPError, ApiException, OSError) as error:
            asking.unanswered()
            raise error_of_exception(error, what=what, mutation=mutation) from None
        asking.answered(response.status)
        self._warnings += warnings_in(response.headers)
        if not 200 <= response.status < 300:
            raise error_of_status(
                response.status,
                data,
                response.headers,
                what=what,
                mutation=mutation,
                content_type=asked.content_type if asked.method == "PATCH" else None,
                about=about,
            )
        try:
            answer = json.loads(data)
        except ValueError:
            raise foreign(what, "it is not JSON", mutation=mutation) from None
        # What a deletion or an eviction is answered with differs; whoever sends it looks for itself.
        if about is not None and _answers_its_object(asked) and (why := doubt(about, answer)):
            raise foreign(what, why, mutation=mutation)
        return answer


def _answers_its_object(asked: HttpRequest) -> bool:
    """Return whether the answer is the object, or the list, that is asked about."""
    if asked.method == "POST":
        collection = asked_of(asked.path)
        return collection is not None and collection.name is None
    return asked.method in ("GET", "PATCH")


def connect(settings: ClusterSettings, *, request_timeout: float) -> Connection:
    """Return a connection; nothing is sent yet. `request_timeout` is seconds for one request.

    Raises ConfigurationError: nothing or two ways given, unreadable YAML, unknown context, unusable fields.
    """
    return Connection(settings, request_timeout=request_timeout)


def _tls(configuration: Configuration) -> ssl.SSLContext:
    """Return TLS as the kubeconfig wants it. Raises OSError for certificates or keys that cannot be read."""
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    # Authorities made for clusters often lack extensions that newer Pythons insist on.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not configuration.verify_ssl:
        # A setting allows it and `countersign doctor` tells of it; a warning for each request tells nothing more.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context


def _with_own_files(document: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the kubeconfig with its certificates and keys in files of `folder`.

    The client would write them itself, but shares each file between all its users with the same content, and one
    connection's end would take another's certificate away.
    """
    owned = copy.deepcopy(dict(document))
    for number, entry in enumerate([owned["clusters"][0]["cluster"], owned["users"][0]["user"]]):
        for name in FILES:
            if data := entry.pop(f"{name}-data", None):
                file = folder / f"{number}-{name}"
                write_private(file, base64.b64decode(data))
                entry[name] = str(file)
    return owned


def segment(value: str) -> str:
    """Quote one segment of a path."""
    return quote(value, safe="")
