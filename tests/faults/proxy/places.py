"""Which request of an execution one is: what the target was asked, and what it asks the API server for it."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.faults.proxy.jobs import Job
from tests.targets.passing import Request

QUESTIONS = ("resolve", "plan", "preflight", "observe", "apply", "inspect")
"""Methods of countersign.targets.model.Target."""


@dataclass(frozen=True)
class Place:
    """A kind of request within the answer to a question."""

    question: str
    what: str

    def __str__(self) -> str:
        return f"{self.question}: {self.what}"


def place_of(request: Request, *, question: str, subject: str) -> Place:
    """Return the request's place; `subject` is the path of the operation's object."""
    if request.is_dry_run:
        theirs = (
            request.headers.get("Content-Type", "") != "application/json-patch+json" and request.method == "PATCH"
        )
        return Place(question, "dry run as written" if theirs else "dry run")
    if request.is_write:
        written = {"PATCH": "change", "PUT": "change", "DELETE": "delete"}.get(request.method)
        return Place(question, written or ("evict" if request.path.endswith("/eviction") else "create"))
    if request.path == subject:
        return Place(question, "read")
    if request.path == "/apis":
        return Place(question, "API groups")
    if request.path == "/api/v1":
        return Place(question, "core resources")
    parts = request.path.strip("/").split("/")
    if parts[0] == "apis" and len(parts) == 3:
        return Place(question, "API resources")
    core = 2 if parts[0] == "api" else 3
    rest = parts[core + 2 :] if parts[core] == "namespaces" and len(parts) > core + 2 else parts[core:]
    return Place(question, f"list {rest[0]}" if len(rest) == 1 else f"read {rest[0]}")


_OBSERVED = ("observe: list pods", "observe: list events")
_FIELDS_CHANGE = ("plan: dry run",)
_AS_WRITTEN = ("plan: dry run as written", *_FIELDS_CHANGE)
_SUPPORT: Mapping[str, tuple[str, ...]] = {
    "restart": (*_FIELDS_CHANGE, *_OBSERVED),
    "restart sts": (*_FIELDS_CHANGE, *_OBSERVED),
    "undo": ("plan: list replicasets", *_FIELDS_CHANGE, *_OBSERVED),
    "undo sts": ("plan: list controllerrevisions", *_FIELDS_CHANGE, *_OBSERVED),
    "scale": (
        *_FIELDS_CHANGE,
        "preflight: API groups",
        "preflight: list horizontalpodautoscalers",
        *_OBSERVED,
    ),
    "delete pod": (
        "preflight: dry run",
        "preflight: API groups",
        "preflight: list poddisruptionbudgets",
        "observe: read statefulsets",
        *_OBSERVED,
    ),
    "delete if there": (
        "preflight: dry run",
        "preflight: API groups",
        "preflight: list poddisruptionbudgets",
        "observe: read statefulsets",
        *_OBSERVED,
    ),
    "delete job": ("resolve: API groups", "preflight: dry run", *_OBSERVED),
    "taint": (*_FIELDS_CHANGE, *_OBSERVED),
    "create job": (
        "resolve: API groups",
        "resolve: API resources",
        "plan: read jobs",
        "plan: list events",
        "preflight: dry run",
        "observe: list events",
    ),
    "cordon": (*_FIELDS_CHANGE, *_OBSERVED),
    "uncordon": (*_FIELDS_CHANGE, *_OBSERVED),
    "drain": (
        "plan: list pods",
        *_FIELDS_CHANGE,
        "plan: core resources",
        "preflight: dry run",
        "observe: list events",
        "apply: read pods",
        "apply: list pods",
    ),
    "patch, strategic": (*_AS_WRITTEN, *_OBSERVED),
    "patch, merge": (*_AS_WRITTEN, *_OBSERVED),
    "autoscaler": (
        "resolve: API groups",
        *_AS_WRITTEN,
        "observe: list events",
    ),
    "label": (*_FIELDS_CHANGE, "observe: list events"),
}
_INSPECTIONS: Mapping[str, tuple[str, ...]] = {
    "evict": ("inspect: read pods",),
    "create": ("inspect: read jobs", "inspect: list events"),
}
# What preflight and observe need of the object is what plan read in the same moment.
_ALWAYS = ("resolve: read", "plan: read")


def _place(text: str) -> Place:
    return Place(*text.split(": "))


def reads_of(job: Job) -> tuple[Place, ...]:
    """Return the places of what is asked of the API besides writes and inspections; a test compares with a run."""
    support = _SUPPORT.get(job.name, (*_FIELDS_CHANGE, *_OBSERVED))
    namespace = () if job.resource == "nodes" else ("preflight: read namespaces",)
    return tuple(_place(text) for text in (*_ALWAYS, *namespace, *support))


def writes_of(job: Job) -> tuple[Place, ...]:
    """Return the places of the requests that have the effects."""
    if job.removes:
        return (_place("apply: delete"),)
    if job.also == "jobs":
        return (_place("apply: create"),)
    return (_place("apply: change"), _place("apply: evict")) if job.name == "drain" else (_place("apply: change"),)


def inspections_of(write: Place) -> tuple[Place, ...]:
    """Return the places at which the target is asked what became of `write`."""
    return tuple(_place(text) for text in _INSPECTIONS.get(write.what, ("inspect: read",)))
