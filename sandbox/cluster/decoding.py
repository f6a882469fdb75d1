"""Reading an object as its kind: types are checked, unknown fields dropped, meaningless ones removed.

That is what the API server does by reading into its Go types and writing them again.
"""

from collections.abc import Mapping
from typing import Any

from countersign.errors import CountersignError
from sandbox.cluster.quantities import canonical
from sandbox.cluster.schema import element_of, fields_of, is_model
from sandbox.cluster.zero_values import is_absent

_SCALARS: Mapping[str, tuple[type, ...]] = {
    "str": (str,), "bytes": (str,), "datetime": (str,), "bool": (bool,), "int": (int,),
}  # fmt: skip
_GO_NAMES = {"str": "string", "bytes": "[]uint8", "datetime": "Time", "bool": "bool", "int": "int32"}
_INT32 = range(-(2**31), 2**31)
# The models call both int. These are int64 in the API's Go types (staging/src/k8s.io/api), everything else is int32.
_INT64 = {
    "activeDeadlineSeconds", "deletionGracePeriodSeconds", "expirationSeconds", "fsGroup", "generation",
    "gracePeriodSeconds", "observedGeneration", "remainingItemCount", "runAsGroup", "runAsUser", "sizeBytes",
    "startingDeadlineSeconds", "supplementalGroups", "terminationGracePeriodSeconds", "tolerationSeconds",
}  # fmt: skip
_QUANTITIES = {
    ("V1ResourceRequirements", "limits"), ("V1ResourceRequirements", "requests"),
    ("V1VolumeResourceRequirements", "limits"), ("V1VolumeResourceRequirements", "requests"),
    ("V1ResourceQuotaSpec", "hard"), ("V1NodeStatus", "capacity"), ("V1NodeStatus", "allocatable"),
    ("V1PersistentVolumeClaimStatus", "capacity"), ("V1PodSpec", "overhead"),
}  # fmt: skip


class WrongType(CountersignError):
    """A field holds a value of another type than its kind has there."""

    code = "sandbox_wrong_type"


class Reader:
    """Reads one object; afterwards `unknown` names the fields that its kind doesn't have."""

    def __init__(self) -> None:
        self.unknown: list[str] = []

    def read(self, model: str, value: Any) -> dict[str, Any]:
        """Return the object as it would be stored. Raises WrongType."""
        found = self._read(model, value, "")
        if not isinstance(found, dict):
            raise WrongType("the object provided is unrecognized (must be of type JSON object)")
        return found

    def _read(self, type_: str, value: Any, path: str) -> Any:
        if value is None:
            return None
        if found := element_of(type_):
            return self._elements(*found, value, path)
        if is_model(type_):
            return self._object(type_, value, path)
        allowed = _SCALARS.get(type_)
        if allowed is None:
            return value
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            raise _wrong_type(value, path, _GO_NAMES[type_])
        if type_ == "int" and value not in _INT32 and _last(path) not in _INT64:
            raise WrongType(f"json: cannot unmarshal number {value} into Go struct field {path} of type int32")
        return value

    def _elements(self, form: str, element: str, value: Any, path: str) -> Any:
        if form == "list":
            if not isinstance(value, list):
                raise _wrong_type(value, path, f"[]{_go_type(element)}")
            return [self._read(element, item, f"{path}[{index}]") for index, item in enumerate(value)]
        if not isinstance(value, dict):
            raise _wrong_type(value, path, f"map[string]{_go_type(element)}")
        return {key: self._read(element, item, f"{path}.{key}") for key, item in value.items() if item is not None}

    def _object(self, model: str, value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong_type(value, path, _go_type(model))
        known = fields_of(model)
        found: dict[str, Any] = {}
        for key, item in value.items():
            where = f"{path}.{key}" if path else key
            if key not in known:
                self.unknown.append(where)
                continue
            if (model, key) in _QUANTITIES and isinstance(item, dict):
                read: Any = {name: _quantity(amount, where) for name, amount in item.items() if amount is not None}
            else:
                read = self._read(known[key].type, item, where)
            has_elements = element_of(known[key].type) is not None
            if is_absent(model, key, read) or (has_elements and not read):
                continue
            found[key] = read
        return found


def _last(path: str) -> str:
    """Return the name of the field that a path ends at: `spec.groups[0]` is one of `groups`."""
    return path.rpartition(".")[2].partition("[")[0]


def _quantity(amount: Any, where: str) -> Any:
    try:
        return canonical(amount)
    except ValueError:
        raise WrongType(
            f"unable to decode {where}: quantities must match the regular expression "
            "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        ) from None


def _go_type(type_: str) -> str:
    return _GO_NAMES.get(type_) or type_.removeprefix("V1").removeprefix("V2")


def _wrong_type(value: Any, path: str, wanted: str) -> WrongType:
    names = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}
    return WrongType(f"json: cannot unmarshal {names[type(value)]} into Go struct field {path} of type {wanted}")
