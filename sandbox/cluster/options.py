"""What a write is told beside its object: dry run, field validation, field manager."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sandbox.cluster.delete_options import check_dry_run, options_kind
from sandbox.cluster.status import Cause, invalid, required

_KINDS = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions"}
_LONGEST_MANAGER = 128


class Validation(StrEnum):
    """What happens to fields that the kind doesn't have, and to those that stand there twice."""

    STRICT = "Strict"
    """The request is refused."""
    WARN = "Warn"
    """The field is dropped, and the answer has a Warning header. The default since 1.27."""
    IGNORE = "Ignore"
    """The field is dropped."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Query parameters of a write."""

    dry_run: bool = False
    validation: Validation = Validation.WARN
    duplicates: tuple[str, ...] = ()
    """Complaints about fields that the request's body has twice."""
    shown: str = ""
    """How a refusal shows the patch; without it, the object that the patch made."""
    manager: str = "sandbox"
    """The field manager: who will own the fields that change."""
    force: bool = False
    """An apply takes over what others own."""


def read_options(method: str, query: Mapping[str, str], *, user_agent: str, apply: bool = False) -> Options:
    """Read the options of a write from its query. Raises StatusError 422 for values that don't exist."""
    kind = _KINDS[method]
    if "dryRun" in query:
        check_dry_run(kind, [query["dryRun"]])
    asked = query.get("fieldValidation") or Validation.WARN
    if asked not in list(Validation):
        supported = ", ".join(f'"{each}"' for each in ("", Validation.IGNORE, Validation.WARN, Validation.STRICT))
        why = f'Unsupported value: "{asked}": supported values: {supported}'
        raise invalid(options_kind(kind), "", [Cause("fieldValidation", why, "FieldValueNotSupported")])
    manager = query.get("fieldManager", "")
    if apply and not manager:
        raise invalid(options_kind(kind), "", [required("fieldManager", "is required for apply patch")])
    if len(manager) > _LONGEST_MANAGER:
        why = f"Too long: may not be more than {_LONGEST_MANAGER} bytes"
        raise invalid(options_kind(kind), "", [Cause("fieldManager", why, "FieldValueTooLong")])
    force = query.get("force") in ("true", "1")
    if "force" in query and not apply:
        cause = Cause("force", "Forbidden: may not be specified for non-apply patch", "FieldValueForbidden")
        raise invalid(options_kind(kind), "", [cause])
    return Options(
        dry_run="dryRun" in query,
        validation=Validation(asked),
        manager=manager or user_agent.partition("/")[0][:_LONGEST_MANAGER],
        force=force,
    )
