"""The text of a patch: JSON, or YAML as kubectl takes it, turned into canonical JSON.

What begins with a brace or a bracket is JSON, never YAML: in YAML a slip with quotes is a key of another name.
"""

from typing import Any, Final

from countersign.actions.json_text import read_json
from countersign.actions.operation import PatchType
from countersign.canonical import canonical_json
from countersign.errors import ParseFailure

_INT64: Final = 2**63 - 1
_DEEPEST: Final = 100
_JSON_OPERATIONS: Final = frozenset({"add", "remove", "replace", "test", "move", "copy"})


def canonical_patch(text: str, type_: PatchType) -> str:
    """Return the patch as canonical JSON.

    Raises ParseFailure when the text is neither JSON nor YAML, has floats, or has the wrong shape for its type.
    """
    _check_nesting(text)
    try:
        value = _read(text)
        _check(value)
        _check_shape(value, type_)
        return canonical_json(value)
    except RecursionError:
        raise ParseFailure("the patch is nested too deeply", hint="patch the inner object alone") from None


def _check_nesting(text: str) -> None:
    """Refuse deep nesting before it costs time: reading YAML takes time that grows with depth times length."""
    depth = 0
    for char in text:
        depth += (char in "[{") - (char in "]}")
        if depth > _DEEPEST:
            raise ParseFailure("the patch is nested too deeply", hint="patch the inner object alone")


def _read(text: str) -> Any:
    if text.lstrip().startswith(("{", "[")):
        return read_json(text, of="the patch")
    from countersign.actions.patch_yaml import read_yaml  # noqa: PLC0415 - few patches are YAML, whose reader is large

    return read_yaml(text)


def _check(value: Any) -> None:
    if isinstance(value, float):
        raise ParseFailure(
            f"the patch has the number {value!r}: a fraction or an exponent has no one written form to sign",
            hint='use a whole number or a quantity in quotes, for example "500m" for 0.5',
        )
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _INT64:
        raise ParseFailure("the patch has a number beyond 64 bits", hint="quote it")
    if isinstance(value, str) and any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value):
        raise ParseFailure("the patch has a character that cannot be stored (NUL or half a surrogate pair)")
    if isinstance(value, dict):
        for key, item in value.items():
            _check(key)
            _check(item)
    elif isinstance(value, list):
        for item in value:
            _check(item)


def _check_shape(value: Any, type_: PatchType) -> None:
    if type_ is not PatchType.JSON:
        if not isinstance(value, dict):
            raise ParseFailure(
                f"a {type_} patch is an object, this one is not", hint="a list of operations needs --type=json"
            )
        return
    if not isinstance(value, list) or not value:
        raise ParseFailure(
            "a json patch is a list of operations, this one is not",
            hint="""for example --type=json -p '[{"op":"replace","path":"/spec/replicas","value":3}]'""",
        )
    for item in value:
        if (
            not isinstance(item, dict)
            or str(item.get("op")) not in _JSON_OPERATIONS
            or not _is_pointer(item.get("path"))
        ):
            raise ParseFailure(
                "an operation of the json patch lacks a known op or a path that starts with /",
                hint="op is one of add, remove, replace, test, move, copy (RFC 6902)",
            )
        if item["op"] in ("add", "replace", "test") and "value" not in item:
            raise ParseFailure(f"the json patch's {item['op']} lacks a value", hint='add "value"')
        if item["op"] in ("move", "copy") and not _is_pointer(item.get("from")):
            raise ParseFailure(f"the json patch's {item['op']} lacks a from that starts with /", hint='add "from"')


def _is_pointer(value: Any) -> bool:
    return isinstance(value, str) and (value == "" or value.startswith("/"))
