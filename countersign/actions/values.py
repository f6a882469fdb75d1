"""Values inside an action, checked by Kubernetes' own rules (apimachinery validation, Go's time and quantities)."""

import re
from typing import Final

from countersign.errors import ParseFailure

_INT32: Final = 2**31 - 1
_NUMBER: Final = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,18})")
_DURATION_PART: Final = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?(ms|us|ns|h|m|s)")
_UNIT_MS: Final = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1, "us": 0, "ns": 0}
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_OBJECT: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_QUALIFIED_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_PREFIX: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_LABEL_VALUE: Final = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
_ENV_NAME: Final = re.compile(r"[A-Za-z_.-][A-Za-z0-9_.-]{0,252}")
_IMAGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,511}")
_QUANTITY: Final = re.compile(r"\+?[0-9]{1,18}(?:\.[0-9]{0,9})?(?:[eE][+-]?[0-9]{1,2}|[numkMGTPE]|[KMGTPE]i)?")
_RESOURCE: Final = re.compile(r"[a-z0-9](?:[a-z0-9./-]{0,251}[a-z0-9])?")
_CONTAINERS: Final = re.compile(r"[a-z0-9*](?:[a-z0-9*-]{0,61}[a-z0-9*])?")


def whole_number(text: str, *, of: str, least: int = 0) -> int:
    """Read a decimal int32. Raises ParseFailure naming `of`; hexadecimal and octal are refused as misleading."""
    if not _NUMBER.fullmatch(text):
        raise ParseFailure(f"{of} must be a whole number, not {text[:40]!r}", hint=f"for example {of}=3")
    value = int(text)
    if not least <= value <= _INT32:
        raise ParseFailure(f"{of} must be between {least} and {_INT32}, not {value}", hint=f"for example {of}=3")
    return value


def seconds(text: str, *, of: str) -> int | None:
    """Read a Go duration (`300s`, `1h30m`) as whole seconds, rounded up; `0` and `0s` are no limit, None."""
    if text == "0":
        return None
    position = total = fraction = 0
    while position < len(text):
        part = _DURATION_PART.match(text, position)
        if part is None:
            break
        whole, digits, unit = part.groups()
        total += int(whole) * _UNIT_MS[unit]
        fraction += int((digits or "0").ljust(9, "0")) * _UNIT_MS[unit]
        position = part.end()
    if not text or position < len(text):
        hint = f"{of}={text}s" if text.isascii() and text.isdigit() else f"{of}=300s"
        raise ParseFailure(f"{of} must be a duration with a unit, not {text[:40]!r}", hint=f"for example {hint}")
    milliseconds = total + -(-fraction // 1_000_000_000)
    value = -(-milliseconds // 1_000)
    if value > _INT32:
        raise ParseFailure(f"{of} is longer than {_INT32} seconds", hint=f"for example {of}=300s")
    return value or None


def namespace(text: str) -> str:
    """Check a namespace: a DNS-1123 label."""
    if not _LABEL.fullmatch(text):
        raise ParseFailure(
            f"the namespace {text[:80]!r} is not one: lower-case letters, digits and - (at most 63)",
            hint="write the namespace as the cluster has it, for example -n prod",
        )
    return text


def object_name(text: str, *, kind: str) -> str:
    """Check an object's name as written. Capitals and _ are let through: resolution finds the real name."""
    if not _OBJECT.fullmatch(text):
        raise ParseFailure(
            f"{text[:80]!r} cannot be the name of a {kind}: letters, digits, '-', '_' and '.' (at most 253)",
            hint="write the name as `kubectl get` shows it",
        )
    return text


def job_name(text: str) -> str:
    """Check the name of a Job to be made: a DNS-1123 label, since its pods carry it as a label."""
    if not _LABEL.fullmatch(text):
        raise ParseFailure(
            f"{text[:80]!r} cannot be the name of a new Job: lower-case letters, digits and - (at most 63)",
            hint="for example report-by-hand",
        )
    return text


def metadata_key(text: str, *, of: str) -> str:
    """Check the key of a label or annotation: an optional DNS prefix and a name of at most 63."""
    prefix, slash, name = text.rpartition("/")
    if not _QUALIFIED_NAME.fullmatch(name) or (slash and not _PREFIX.fullmatch(prefix)):
        raise ParseFailure(
            f"{text[:80]!r} is not a valid {of} key", hint="for example team=payments or example.com/team=a"
        )
    return text


def label_value(text: str) -> str:
    """Check a label's value."""
    if not _LABEL_VALUE.fullmatch(text):
        raise ParseFailure(
            f"the label value {text[:80]!r} is not valid: letters, digits, '-', '_' and '.' (at most 63)",
            hint="longer or freer text belongs into an annotation: kubectl annotate",
        )
    return text


def env_name(text: str) -> str:
    """Check the name of an environment variable."""
    if not _ENV_NAME.fullmatch(text):
        raise ParseFailure(
            f"{text[:80]!r} is not the name of an environment variable", hint="for example LOG_LEVEL=debug"
        )
    return text


def image(text: str, *, container: str) -> str:
    """Check an image reference's characters; whether it exists is for the cluster to find out."""
    if not _IMAGE.fullmatch(text) or "//" in text:
        raise ParseFailure(
            f"{text[:80]!r} is not an image for container {container}",
            hint=f"for example {container}=registry/app:1.2.3",
        )
    return text


def container_name(text: str) -> str:
    """Check a container's name, or "*" for all."""
    if text != "*" and not _LABEL.fullmatch(text):
        raise ParseFailure(
            f"{text[:80]!r} is not the name of a container", hint="write the container's name, or * for all"
        )
    return text


def containers(text: str) -> str:
    """Check kubectl's -c: a container's name or a pattern with *."""
    if not _CONTAINERS.fullmatch(text):
        raise ParseFailure(
            f"{text[:80]!r} names no container", hint="write the container's name, or a pattern with *: -c 'web-*'"
        )
    return text


def quantities(text: str, *, of: str) -> tuple[tuple[str, str], ...]:
    """Read `cpu=200m,memory=512Mi`. Raises ParseFailure naming the part."""
    out: dict[str, str] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals or not _RESOURCE.fullmatch(name) or not _QUANTITY.fullmatch(value):
            raise ParseFailure(
                f"{of} has {part[:60]!r}, which is not a resource and a quantity",
                hint=f"for example {of}=cpu=200m,memory=512Mi",
            )
        if out.setdefault(name, value) != value:
            raise ParseFailure(f"{of} names {name} twice", hint=f"for example {of}=cpu=200m,memory=512Mi")
    return tuple(out.items())
