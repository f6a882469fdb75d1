"""Secrets in JSON values, where names need not be searched for."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from countersign.masking.names import MASK, names_a_secret, points_at_a_secret


def masked_by(masked: Callable[[str], str]) -> Callable[[Any], Any]:
    """Return the function that masks a JSON value, with `masked` for its texts."""

    def masked_values(value: Any) -> Any:
        """Return the JSON value with secrets replaced in every text, by the names of the keys that hold them."""
        if isinstance(value, str):
            return masked(value)
        if isinstance(value, Mapping):
            return {key: _of_key(str(key), item, value) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [
                MASK if isinstance(item, str) and _is_flag(before) else masked_values(item)
                for before, item in pairwise((None, *value))
            ]
        return value

    def _of_key(key: str, item: Any, holder: Mapping[Any, Any]) -> Any:
        if _is_pointed_at(key, holder):
            return _hidden(item)
        if not names_a_secret(key):
            return masked_values(item)
        if isinstance(item, list | tuple):
            return [MASK if isinstance(each, str) else masked_values(each) for each in item]
        return masked_values(item) if isinstance(item, Mapping) else _hidden(item)

    return masked_values


def _is_flag(before: Any) -> bool:
    """Tell whether the argument `before` another says that the other is a secret."""
    return isinstance(before, str) and before.startswith("-") and "=" not in before and names_a_secret(before)


def _hidden(value: Any) -> Any:
    """Return `value` with the keys of its mappings alone."""
    if isinstance(value, Mapping):
        return {key: _hidden(item) for key, item in value.items()}
    return value if value is None or isinstance(value, bool) else MASK


def _is_pointed_at(key: str, holder: Mapping[Any, Any]) -> bool:
    """Tell whether what is beside `key` in `holder`, or the kind of object that it is, makes its value a secret."""
    if key == "value":
        return names_a_secret(str(holder.get("name", ""))) or points_at_a_secret(str(holder.get("path", "")))
    return key == "stringData" or (key == "data" and holder.get("kind") == "Secret")
