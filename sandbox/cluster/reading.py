"""A request's object as its kind, with what is said about fields that the kind doesn't have."""

import copy
import json
from typing import Any

from sandbox.cluster.custom import read_custom
from sandbox.cluster.decoding import Reader, WrongType
from sandbox.cluster.kinds import Kind
from sandbox.cluster.options import Options, Validation
from sandbox.cluster.status import bad_request, invalid_patch


def read_sent(kind: Kind, body: Any, options: Options) -> tuple[dict[str, Any], list[str]]:
    """Return a posted or put object and its warnings. Raises StatusError 400 (endpoints/handlers/create.go)."""
    try:
        item, unknown = _read(kind, copy.deepcopy(body))
    except WrongType as error:
        raise bad_request(error.message) from None
    _check_kind(kind, item)
    complaints = [*_complaints(unknown), *options.duplicates]
    if complaints and options.validation is Validation.STRICT:
        what = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}'
        raise bad_request(f"{what}: {_strictly(complaints)}")
    return _own(item), _warnings(complaints, options)


def read_patched(kind: Kind, altered: Any, options: Options, shown: str = "") -> tuple[dict[str, Any], list[str]]:
    """Return what a patch made of an object, and warnings. Raises StatusError 422 (endpoints/handlers/patch.go).

    `shown` is how the refusal shows what was sent; the changed object as JSON, if nothing else is said.
    """
    try:
        item, unknown = _read(kind, altered)
    except WrongType as error:
        raise invalid_patch(shown or _json(altered), error.message) from None
    _check_kind(kind, item)
    complaints = [*options.duplicates, *_complaints(unknown)]
    if complaints and options.validation is Validation.STRICT:
        raise invalid_patch(shown or _json(altered), _strictly(complaints))
    return _own(item), _warnings(complaints, options)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _check_kind(kind: Kind, item: dict[str, Any]) -> None:
    for key, wanted in (("apiVersion", kind.api_version), ("kind", kind.kind)):
        if item.setdefault(key, wanted) != wanted:
            raise bad_request(f"the {key} in the data ({item[key]}) does not match the expected {key} ({wanted})")


def _read(kind: Kind, body: Any) -> tuple[dict[str, Any], list[str]]:
    if kind.schema is not None:
        return read_custom(kind, body)
    reader = Reader()
    return reader.read(kind.model, body), reader.unknown


def _complaints(unknown: list[str]) -> list[str]:
    return [f'unknown field "{field}"' for field in unknown]


def _strictly(complaints: list[str]) -> str:
    return f"strict decoding error: {', '.join(complaints)}"


def _warnings(complaints: list[str], options: Options) -> list[str]:
    return complaints if options.validation is Validation.WARN else []


def _own(item: dict[str, Any]) -> dict[str, Any]:
    item.setdefault("metadata", {})
    item["metadata"].pop("selfLink", None)
    return item
