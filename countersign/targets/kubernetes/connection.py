"""The one door to a cluster's API: JSON in, JSON out, one attempt, typed errors.

The official client's models are not used: they are strict, and one object without an optional counter fails a whole
list.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import urllib3
from kubernetes.client.exceptions import ApiException

from countersign.canonical import sha256_of
from countersign.errors import CountersignError, TargetNotFound
from countersign.metrics.targets import Asking
from countersign.targets.kubernetes.answers import (
    date_in,
    error_of_exception,
    error_of_status,
    foreign,
    warnings_in,
)
from countersign.targets.kubernetes.believing import Asked, asked_of, doubt, groups_of, resources_of
from countersign.targets.kubernetes.kubeconfig import ClusterSettings, forget_credentials
from countersign.targets.kubernetes.requests import HttpRequest, dry, real
from countersign.targets.kubernetes.transport import forget, transport_of
from countersign.targets.model import Intent, Spent, Step

__all__ = ["ClusterSettings", "Connection", "connect"]
MOMENT_SECONDS: Final = 5.0
"""For so long at most what was read may stand for what is there, and only where the caller said so."""


class Connection:
    """A cluster's API for one execution. A context manager; not for use after leaving it.

    Every request is of one of four sorts: `get` reads; `dry_run` and `review` are built so that a real API server
    stores nothing; `send` changes, and demands the intent that is on record for it. Methods raise TargetNotFound,
    TransientTargetError, PermanentTargetError, PreconditionFailed, and `send` also AmbiguousTargetError.
    """

    def __init__(self, settings: ClusterSettings, *, request_timeout: float) -> None:
        self.settings = settings
        self.request_timeout = request_timeout
        self._transport = transport_of(settings)
        self._discovered = False
        self._spent = Spent()
        self._warnings: list[str] = []
        self._moment: _Moment | None = None
        self.told_at: str | None = None
        """When the newest answer was given, by the server's own clock (Date); RFC 3339, UTC."""

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self._transport.server

    @property
    def context(self) -> str:
        """The kubeconfig's context."""
        return self._transport.context

    def __repr__(self) -> str:
        return f"Connection({self.settings.name!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the use of it. What is kept for the cluster stays open for the next one."""
        self._moment = None

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Take what is read within the block for one moment: nothing is read, or judged by a dry run, twice.

        For questions about one state of the cluster, asked one after the other; at most for MOMENT_SECONDS.
        """
        outer, self._moment = self._moment, self._moment or _Moment()
        try:
            yield
        finally:
            self._moment = outer

    def get(self, path: str, query: Mapping[str, str] | None = None, *, what: str | None = None) -> Any:
        """Read `path` once. What comes back is about what the path names, and not to be changed."""
        asked = HttpRequest("GET", path, None, query=query or {})
        key = json.dumps([path, dict(asked.query)], sort_keys=True)
        if self._moment is not None and (known := self._moment.answer(key)) is not None:
            if isinstance(known, TargetNotFound):
                raise known
            return known
        try:
            answer = self._request(asked, what=what or f"read {path}", about=asked_of(path))
        except TargetNotFound as error:
            if self._moment is not None:
                self._moment.keep(key, error)
            raise
        if self._moment is not None:
            self._moment.keep(key, answer)
        return answer

    def watch(self, path: str, query: Mapping[str, str], *, seconds: int, what: str) -> urllib3.BaseHTTPResponse:
        """Open a watch of `path` that the server ends after `seconds`; events are for the caller to read and believe.

        The caller closes what it gets: a stream (200), or that a version is forgotten (410). Raises
        TransientTargetError, PermanentTargetError.
        """
        asked = {**query, "watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        limits = (self.request_timeout, seconds + self.request_timeout)
        asking = Asking(self.settings.name, "GET", effect=False)
        try:
            response = self._transport.call(
                "GET", path, query=asked, headers={"Accept": "application/json"}, body=None, timeout=limits
            )
            asking.answered(response.status)
            if response.status in (200, 410):
                return response
            data = response.data
        except (urllib3.exceptions.HTTPError, ApiException, OSError) as error:
            asking.unanswered()
            raise error_of_exception(error, what=what, mutation=False) from None
        raise error_of_status(
            response.status, data, response.headers, what=what, mutation=False, content_type=None, about=None
        )

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
        key = sha256_of(dict(request))
        if self._moment is not None and (known := self._moment.answer(key)) is not None:
            answer, said = known
            self._warnings += said
            return answer
        warned = len(self._warnings)
        answer = self._request(asked, what=what, about=asked_of(asked.path, asked.body))
        if self._moment is not None:
            self._moment.keep(key, (answer, self._warnings[warned:]))
        return answer

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
        found = self._transport.discovery.groups()
        if found is None:
            groups = groups_of(self.get("/apis", what="read the API groups"))
            if groups is None:
                raise foreign("read the API groups", "it is no list of groups", mutation=False)
            found = dict(groups)
            self._transport.discovery.keep_groups(found)
        return found.get(group, ())

    def resources(self, group: str, version: str) -> tuple[Mapping[str, Any], ...]:
        """Return what a version of an API group has, as discovery lists it (APIResource); "" is the core group."""
        key, root = (f"{group}/{version}", "/apis") if group else (version, "/api")
        found = self._transport.discovery.resources(key)
        if found is None:
            found = resources_of(self.get(f"{root}/{key}", what=f"read {key}"))
            if found is None:
                raise foreign(f"read {key}", "it is no list of resources", mutation=False)
            self._transport.discovery.keep_resources(key, found)
        return found

    def rediscover(self) -> bool:
        """Have discovery asked again, once for this connection; False where that was done before.

        For something that is not there by what is kept.
        """
        again, self._discovered = not self._discovered, True
        if again:
            self._transport.discovery.clear()
        return again

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
        asking = Asking(self.settings.name, asked.method, effect=mutation)
        try:
            response = self._transport.call(
                asked.method, asked.path, query=query, headers=headers, body=asked.body, timeout=self.request_timeout
            )
            data = response.data
        except (urllib3.exceptions.HTTPError, ApiException, OSError) as error:
            asking.unanswered()
            raise error_of_exception(error, what=what, mutation=mutation) from None
        asking.answered(response.status)
        self._warnings += warnings_in(response.headers)
        self.told_at = date_in(response.headers)
        if response.status == 401 and self._renewed() and not mutation:
            return self._request(asked, what=what, about=about)
        if not 200 <= response.status < 300:
            refused = error_of_status(
                response.status,
                data,
                response.headers,
                what=what,
                mutation=mutation,
                content_type=asked.content_type if asked.method == "PATCH" else None,
                about=about,
            )
            if response.status == 404 and not isinstance(refused, TargetNotFound):
                self._transport.discovery.clear()  # what is served may be another version by now
            raise refused
        try:
            answer = json.loads(data)
        except ValueError:
            raise foreign(what, "it is not JSON", mutation=mutation) from None
        # What a deletion or an eviction is answered with differs; whoever sends it looks for itself.
        if about is not None and _answers_its_object(asked) and (why := doubt(about, answer)):
            raise foreign(what, why, mutation=mutation)
        return answer

    def _renewed(self) -> bool:
        """Read the credentials again after the server refused them; tell whether there are others by now."""
        refused = self._transport
        forget(refused)
        try:
            forget_credentials(self.settings)
            self._transport = transport_of(self.settings)
        except CountersignError:
            return False
        return self._transport.key != refused.key


class _Moment:
    """Answers that stand for the state of one moment."""

    def __init__(self) -> None:
        self._answers: dict[str, tuple[float, Any]] = {}

    def answer(self, key: str) -> Any:
        """Return what is known and young enough, None where nothing is."""
        at, answer = self._answers.get(key, (0.0, None))
        return answer if monotonic() - at < MOMENT_SECONDS else None

    def keep(self, key: str, answer: Any) -> None:
        """Keep an answer."""
        self._answers[key] = (monotonic(), answer)


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


def segment(value: str) -> str:
    """Quote one segment of a path."""
    return quote(value, safe="")
