"""Reading a policy from YAML, with errors that name the field, the line, what is wrong and what would work."""

import os
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from countersign.errors import ConfigurationError
from countersign.policy.document import Policy
from countersign.policy.yaml_text import YamlDocument, read_yaml

SEE = "docs/policy.md describes every field"


def default_policy() -> Policy:
    """Return the policy of a fresh installation: careful limits, and no signers, so nothing can be approved."""
    return Policy()


def load_policy_file(path: Path) -> Policy:
    """Read a policy from a file. Raises ConfigurationError naming the file."""
    return load_policy(read_policy_file(path), source=str(path))


def read_policy_file(path: Path, *, require: Callable[[os.stat_result], None] = lambda _status: None) -> str:
    """Return the text of a policy's file. Raises ConfigurationError naming the file, and what `require` raises of it.

    `require` is asked about the very file that is read, whatever `path` names a moment later.
    """
    try:
        with path.open("rb") as file:
            require(os.fstat(file.fileno()))
            return file.read().decode("utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"the policy file {path} cannot be read: {error.strerror}",
            hint="check COUNTERSIGN_POLICY_FILE and the file's permissions",
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"the policy file {path} is not UTF-8 text", hint="save it as UTF-8") from None


def load_policy(text: str, *, source: str = "policy") -> Policy:
    """Read a policy from YAML. Raises ConfigurationError, and nothing else, whatever the text is."""
    document = read_yaml(text, source=source)
    if document.value is None:
        raise ConfigurationError(f"{source} is empty", hint=f"write at least the signers; {SEE}")
    if not isinstance(document.value, dict):
        raise ConfigurationError(f"{source} is not a mapping of fields", hint=f"write name: value lines; {SEE}")
    try:
        return Policy.model_validate(document.value)
    except ValidationError as error:
        raise _explain(error.errors(include_url=False), document, source) from None


def _explain(problems: list[ErrorDetails], document: YamlDocument, source: str) -> ConfigurationError:
    first = problems[0]
    # pydantic adds markers such as "[key]" for mapping keys; the policy has none, so every part is the reader's.
    path = tuple(first["loc"])
    line = document.line_of(path)
    where = f"{source}, line {line}: " if line else f"{source}: "
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    what, hint = _what_and_hint(first)
    name = _dotted(path)
    return ConfigurationError(f"{where}{name + ': ' if name else ''}{what}{more}", hint=hint)


def _what_and_hint(problem: ErrorDetails) -> tuple[str, str]:
    context: dict[str, Any] = problem.get("ctx", {})
    match problem["type"]:
        case "policy":
            return problem["msg"], str(context.get("hint", SEE))
        case "extra_forbidden":
            known = _fields_at(tuple(problem["loc"][:-1]))
            near = get_close_matches(str(problem["loc"][-1]), known, n=1, cutoff=0.5)
            return "there is no such field", f"did you mean {near[0]}?" if near else "known are " + ", ".join(known)
        case "missing":
            return "this field is missing", SEE
        case "string_type":
            return "this is not text", "put the value in quotes"
        case "bool_type" | "bool_parsing":
            return "this is neither true nor false", "write true or false"
        case "model_type":
            return "this is not a mapping of fields", f"write name: value lines; {SEE}"
        case kind if kind.startswith(("datetime_", "timezone_")):
            return "this is not a time with an offset", "write RFC 3339, e.g. 2026-12-20T00:00:00+08:00"
        case "tuple_type":
            return "this is not a list", "write [a, b], or one `- item` a line"
        case _:
            return _lower_first(problem["msg"]), SEE


def _fields_at(path: tuple[str | int, ...]) -> list[str]:
    model: type[BaseModel] = Policy
    for part in path:
        if isinstance(part, str):
            by_name = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
            model = _model_in(by_name.get(part)) or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _dotted(path: tuple[str | int, ...]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
