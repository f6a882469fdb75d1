"""What a deletion is told: the DeleteOptions of the body, or, only without a body, those of the query.

apiserver's endpoints/handlers/delete.go decodes a body that has any length and looks at the query otherwise, so
`?dryRun=All` beside a body deletes. An Eviction's own DeleteOptions take the query's dryRun over
(pkg/registry/core/pod/storage/eviction.go, propagateDryRun).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.cluster.kinds import Kind
from sandbox.cluster.status import Cause, StatusError, bad_request, invalid, invalid_value

_POLICIES = ("Foreground", "Background", "Orphan")


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """What DeleteOptions say."""

    uid: str | None = None
    resource_version: str | None = None
    grace_seconds: int | None = None
    propagation: str | None = None
    dry_run: bool = False


def from_request(body: Any, query: Mapping[str, str], *, has_body: bool) -> Deletion:
    """Read the options of a DELETE. Raises StatusError for what is none."""
    return from_body(_object(body)) if has_body else from_body(_of_query(query))


def from_eviction(options: Any, query: Mapping[str, str]) -> Deletion:
    """Read the DeleteOptions of an Eviction, beside the query of its POST. Raises StatusError."""
    check_dry_run("CreateOptions", _values(query))
    found, asked = dict(_object(options)), _values(query)
    if asked and found.get("dryRun") and found["dryRun"] != asked:
        raise StatusError(
            500, "", f"Non-matching dry-run options in request and content: {_go(asked)} and {_go(found['dryRun'])}"
        )
    if asked:
        found["dryRun"] = asked
    return from_body(found)


def is_dry(method: str, path: str, body: Any, query: Mapping[str, str], *, has_body: bool) -> bool:
    """True if a request says, where the API server reads it, that nothing is to be persisted."""
    asked = "dryRun" in query
    content = body if isinstance(body, Mapping) else {}
    if method == "DELETE" and has_body:
        return bool(content.get("dryRun"))
    if method == "POST" and path.endswith("/eviction"):
        options = content.get("deleteOptions")
        return asked or bool(isinstance(options, Mapping) and options.get("dryRun"))
    return asked


def check_dry_run(kind: str, values: list[str]) -> None:
    """Raise StatusError 422 if `dryRun` of the options `kind` has another value than All."""
    if any(value != "All" for value in values):
        shown = ", ".join(f'"{value}"' for value in values)
        cause = Cause(
            "dryRun", f'Unsupported value: []string{{{shown}}}: supported values: "All"', "FieldValueNotSupported"
        )
        raise invalid(options_kind(kind), "", [cause])


def from_body(body: Mapping[str, Any]) -> Deletion:
    """Read DeleteOptions. Raises StatusError 422 for values that don't exist, 400 for what is no DeleteOptions."""
    dry = body.get("dryRun") or []
    if not isinstance(dry, list):
        raise bad_request("json: cannot unmarshal string into Go struct field DeleteOptions.dryRun of type []string")
    propagation, orphans = body.get("propagationPolicy"), body.get("orphanDependents")
    if propagation is not None and orphans is not None:
        why = "orphanDependents and deletionPropagation cannot be both set"
        raise invalid(options_kind("DeleteOptions"), "", [invalid_value("propagationPolicy", propagation, why)])
    if propagation is not None and propagation not in _POLICIES:
        supported = ", ".join(f'"{policy}"' for policy in (*_POLICIES, "nil"))
        why = f'Unsupported value: "{propagation}": supported values: {supported}'
        cause = Cause("propagationPolicy", why, "FieldValueNotSupported")
        raise invalid(options_kind("DeleteOptions"), "", [cause])
    check_dry_run("DeleteOptions", dry)
    if orphans is not None:
        propagation = "Orphan" if orphans else "Background"
    preconditions = body.get("preconditions") or {}
    return Deletion(
        uid=preconditions.get("uid"),
        resource_version=preconditions.get("resourceVersion"),
        grace_seconds=body.get("gracePeriodSeconds"),
        propagation=propagation,
        dry_run=bool(dry),
    )


def _object(body: Any) -> Mapping[str, Any]:
    if body is None:
        return {}
    if not isinstance(body, Mapping):
        raise bad_request("couldn't get version/kind; json parse error")
    kind = body.get("kind")
    if kind not in (None, "DeleteOptions"):
        raise bad_request(f'no kind "{kind}" is registered for version "{body.get("apiVersion", "v1")}"')
    return body


def _of_query(query: Mapping[str, str]) -> dict[str, Any]:
    """Return the DeleteOptions that stand in the query (apimachinery's Convert_url_Values_To_v1_DeleteOptions)."""
    found: dict[str, Any] = {"dryRun": _values(query)}
    if "gracePeriodSeconds" in query:
        text = query["gracePeriodSeconds"]
        if not text.lstrip("-").isdigit():
            raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
        found["gracePeriodSeconds"] = int(text)
    if "propagationPolicy" in query:
        found["propagationPolicy"] = query["propagationPolicy"]
    if "orphanDependents" in query:
        found["orphanDependents"] = query["orphanDependents"] in ("true", "1")
    found["preconditions"] = {key: query[key] for key in ("uid", "resourceVersion") if query.get(key)}
    return found


def _values(query: Mapping[str, str]) -> list[str]:
    return [query["dryRun"]] if "dryRun" in query else []


def _go(values: Any) -> str:
    return f"[{' '.join(map(str, values))}]"


def options_kind(kind: str) -> Kind:
    return Kind(group="meta.k8s.io", version="v1", plural="", kind=kind, model="")
