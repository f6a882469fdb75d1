"""Answers to requests under /api and /apis: reads, writes, subresources, reviews."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.cluster import discovery
from sandbox.cluster.custom import custom_kinds
from sandbox.cluster.delete_options import (
    Deletion,
    from_eviction,
    from_request,
    is_dry,
)
from sandbox.cluster.eviction import evict
from sandbox.cluster.kinds import METRICS, REVIEWS, Kind
from sandbox.cluster.listing import page
from sandbox.cluster.logs import pod_log
from sandbox.cluster.metrics import usage
from sandbox.cluster.openapi import openapi
from sandbox.cluster.options import Options, read_options
from sandbox.cluster.patches.forms import (
    APPLY_PATCH,
    STRATEGIC_PATCH,
    complaints_of,
    configuration,
    go_text,
    patcher,
    refuse_twice,
    twice,
)
from sandbox.cluster.reviews import answer_review
from sandbox.cluster.routes import Route, route
from sandbox.cluster.status import (
    bad_request,
    method_not_allowed,
    no_such_path,
    not_acceptable,
    unsupported_media_type,
)
from sandbox.cluster.store import Store
from sandbox.cluster.strict_json import duplicate_fields
from sandbox.cluster.subresources import scale_of, write_scale
from sandbox.cluster.tables import as_table, wants_table
from sandbox.cluster.versions import served
from sandbox.cluster.watching import Watches
from sandbox.cluster.writing import Writer

_SPOKEN = ("application/json", "application/*", "*/*")


@dataclass(frozen=True)
class Request:
    """One HTTP request, its body read."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any = None
    """The JSON that was sent, None without one."""
    content_type: str = ""
    accept: str = ""

    raw: bytes = b""
    """The body as it was sent."""
    user_agent: str = ""

    @property
    def dry_run(self) -> bool:
        """True if nothing may be persisted."""
        return is_dry(self.method, self.path, self.body, self.query, has_body=bool(self.raw))


@dataclass(frozen=True)
class Answer:
    """What is sent back: JSON, text, or a stream of a watch."""

    code: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: AsyncIterator[bytes] | None = None
    warnings: tuple[str, ...] = ()
    """Each is sent in a Warning header of its own."""


class Api:
    """The API on a store. `handle` never gives way, except that a watch's stream is consumed later."""

    def __init__(self, store: Store, writer: Writer, watches: Watches) -> None:
        self._store = store
        self._writer = writer
        self._watches = watches

    def handle(self, request: Request) -> Answer:
        """Answer a request. Raises StatusError for a refusal."""
        if (found := self._about_itself(request)) is not None:
            return found
        at = route(request.path, self._defined)
        if at is None:
            raise no_such_path()
        if request.accept and at.subresource != "log" and not any(each in request.accept for each in _SPOKEN):
            raise not_acceptable()
        if at.kind in REVIEWS:
            if request.method != "POST":
                raise method_not_allowed()
            return Answer(201, answer_review(at.kind, request.body))
        if at.kind in METRICS:
            return Answer(200, usage(self._store, at, request.query))
        self._writer.warnings = []
        answer = self._subresource(at, request) if at.subresource not in ("", "status", "finalize") else None
        if answer is None:
            answer = self._object(at, request) if at.name else self._collection(at, request)
        return replace(answer, warnings=tuple(self._writer.warnings))

    def _defined(self) -> list[Kind]:
        return list(custom_kinds(self._store))

    def _about_itself(self, request: Request) -> Answer | None:
        path = request.path.rstrip("/")
        match path.split("/")[1:]:
            case ["version"]:
                found: Any = discovery.version()
            case ["healthz" | "readyz" | "livez", *_]:
                return Answer(200, "ok")
            case ["openapi", *rest]:
                found = openapi(rest)
            case ["api"]:
                found = discovery.core_versions()
            case ["apis"]:
                found = discovery.group_list(self._defined())
            case ["apis", group]:
                found = discovery.group(group, self._defined())
            case ["api", version]:
                found = discovery.resource_list("", version, ())
            case ["apis", group, version]:
                found = discovery.resource_list(group, version, self._defined())
            case _:
                return None
        if found is None:
            raise no_such_path()
        if request.method not in ("GET", "HEAD"):
            raise method_not_allowed()
        return Answer(200, found)

    # --- collections -----------------------------------------------------------------------------

    def _collection(self, at: Route, request: Request) -> Answer:
        kind = at.kind
        match request.method:
            case "GET" | "HEAD":
                if request.query.get("watch") in ("true", "1"):
                    table = wants_table(request.accept)
                    shape: Callable[[dict[str, Any]], Any] = (
                        (lambda item: as_table(kind, [item], {}, request.query)) if table else lambda item: item
                    )
                    stream = self._watches.stream(kind, at.namespace, request.query, shape)
                    return Answer(200, None, stream=stream)
                found = page(self._store, kind, at.namespace, request.query)
                if wants_table(request.accept):
                    return Answer(200, as_table(kind, found.items, found.metadata, request.query))
                listed = {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": found.metadata}
                items = found.items if kind.schema else [_without_kind(item) for item in found.items]
                return Answer(200, {**listed, "items": items})
            case "POST":
                if kind.namespaced and at.namespace is None:
                    raise method_not_allowed()
                body = self._object_body(request)
                made = self._writer.create(kind, at.namespace or "", body, _options(request))
                return Answer(201, served(kind, made))
            case "DELETE":
                found = page(self._store, kind, at.namespace, request.query)
                how = _deletion(request)
                for item in found.items:
                    metadata = item["metadata"]
                    self._writer.delete(kind, metadata.get("namespace", ""), metadata["name"], how)
                listed = {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": found.metadata}
                return Answer(200, {**listed, "items": found.items})
            case _:
                raise method_not_allowed()

    # --- objects ---------------------------------------------------------------------------------

    def _object(self, at: Route, request: Request) -> Answer:
        kind, (namespace, name) = at.kind, at.place
        status = "status" if at.subresource == "status" else ""
        match request.method:
            case "GET" | "HEAD":
                item = served(kind, self._writer.existing(kind, namespace, name))
                if wants_table(request.accept):
                    return Answer(200, as_table(kind, [item], {}, request.query))
                return Answer(200, item)
            case "PUT":
                body = self._object_body(request)
                options = _options(request)
                item = served(
                    kind, self._writer.update(kind, namespace, name, body, subresource=status, options=options)
                )
                return Answer(200, item)
            case "PATCH" if request.content_type == APPLY_PATCH:
                options = _options(request)
                config = configuration(kind, request.raw)
                found, new = self._writer.apply(kind, namespace, name, config, subresource=status, options=options)
                return Answer(201 if new else 200, served(kind, found))
            case "PATCH":
                alter = patcher(kind.model, request.content_type, request.body)
                options = _options(request)
                item = served(
                    kind, self._writer.change(kind, namespace, name, alter, subresource=status, options=options)
                )
                return Answer(200, item)
            case "DELETE" if not at.subresource:
                how = _deletion(request)
                return Answer(200, self._writer.delete(kind, namespace, name, how))
            case _:
                raise method_not_allowed()

    def _subresource(self, at: Route, request: Request) -> Answer:
        kind, (namespace, name) = at.kind, at.place
        match at.subresource, request.method:
            case "scale", "GET":
                return Answer(200, scale_of(self._writer.existing(kind, namespace, name)))
            case "scale", "PUT":
                body = self._object_body(request)
                options = _options(request)
                return Answer(
                    200,
                    write_scale(
                        self._writer, kind, namespace, name, alter=lambda _: body, options=options, patched=False
                    ),
                )
            case "scale", "PATCH":
                alter = patcher("V1Scale", request.content_type, request.body)
                options = _options(request)
                return Answer(
                    200, write_scale(self._writer, kind, namespace, name, alter=alter, options=options, patched=True)
                )
            case "eviction", "POST":
                body = self._object_body(request)
                how = from_eviction(body.get("deleteOptions"), request.query)
                return Answer(201, evict(self._writer, namespace, name, body, how))
            case "binding", "POST":
                body = self._object_body(request)

                def bind(pod: dict[str, Any]) -> dict[str, Any]:
                    pod["spec"]["nodeName"] = body["target"]["name"]
                    return pod

                self._writer.bind(namespace, name, bind)
                return Answer(201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                                    "code": 201})  # fmt: skip
            case "log", "GET":
                return Answer(200, pod_log(self._writer.existing(kind, namespace, name), request.query))
            case _:
                raise method_not_allowed()

    def _object_body(self, request: Request) -> Any:
        if request.content_type not in ("", "application/json", "application/yaml"):
            raise unsupported_media_type(["application/json"])
        if not isinstance(request.body, dict):
            raise bad_request("the object provided is unrecognized (must be of type JSON object)")
        return request.body


def _deletion(request: Request) -> Deletion:
    if request.raw and request.content_type not in ("", "application/json", "application/yaml"):
        raise unsupported_media_type(["application/json", "application/yaml"])
    return from_request(request.body, request.query, has_body=bool(request.raw))


def _without_kind(item: dict[str, Any]) -> dict[str, Any]:
    """In a list, the list's kind says what the items are."""
    return {key: value for key, value in item.items() if key not in ("kind", "apiVersion")}


def _options(request: Request) -> Options:
    apply = request.content_type == APPLY_PATCH
    duplicates = duplicate_fields(request.raw)
    read = read_options(request.method, request.query, user_agent=request.user_agent, apply=apply)
    if request.method != "PATCH":
        return replace(read, duplicates=duplicates)
    if apply:
        refuse_twice(read, duplicates)
        return replace(read, duplicates=tuple(twice(each) for each in duplicates))
    shown = go_text(request.body) if request.content_type == STRATEGIC_PATCH else ""
    return replace(read, duplicates=complaints_of(request.content_type, request.body, duplicates), shown=shown)


def read_body(raw: bytes) -> Any:
    """Return the JSON of a body, None for an empty one, the bytes for what is no JSON."""
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        return raw
