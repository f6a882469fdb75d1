"""What is different between two snapshots, line by line, for people. Pure.

Counters that move by themselves (versions, generations) are left out, and pods are counted, not listed.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from countersign.texts import text

LINES_KEPT = 40
_NOISE = frozenset({"resourceVersion", "generation", "observedGeneration", "uid", "load", "tool", "collisionCount"})
_COUNTED = frozenset({"pods", "pods_total", "warnings", "warned_until"})


@dataclass(frozen=True)
class Line:
    """One thing that is different."""

    object: str
    what: str
    before: str
    after: str


def difference(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[Line]:
    """Return what is different; nothing where there is no baseline."""
    if before is None:
        return []
    lines: list[Line] = []
    for key in sorted({*before, *after}):
        was, now = dict(_flat(before.get(key) or {})), dict(_flat(after.get(key) or {}))
        lines += [
            Line(shown(key), what, _said(was.get(what)), _said(now.get(what)))
            for what in dict.fromkeys((*was, *now))
            if was.get(what) != now.get(what)
        ]
    return lines[:LINES_KEPT]


def difference_json(lines: list[Line]) -> list[dict[str, str]]:
    """Return the lines as JSON values."""
    return [asdict(line) for line in lines]


def shown(key: str) -> str:
    """Return an object's key without the system: "Deployment prod/api"."""
    _system, kind, namespace, name = key.split("/", 3)
    return f"{kind} {name}" if namespace == "-" else f"{kind} {namespace}/{name}"


def _flat(facts: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from _leaves({name: value for name, value in facts.items() if name not in _COUNTED}, "")
    if "pods" in facts:
        pods = [pod for pod in facts["pods"] if not pod.get("terminating")]
        waiting = Counter(reason for pod in pods for reason in pod.get("waiting") or ())
        yield text("difference.pods"), facts.get("pods_total", len(pods))
        yield text("difference.ready"), sum(bool(pod.get("ready")) for pod in pods)
        yield text("difference.restarts"), sum(pod.get("restarts", 0) for pod in pods)
        yield text("difference.waiting"), ", ".join(f"{reason} ×{count}" for reason, count in sorted(waiting.items()))
    if "warnings" in facts:
        yield text("difference.warnings"), sum(item.get("count", 1) for item in facts["warnings"])


def _leaves(value: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if name in _NOISE:
            continue
        path = f"{prefix}{name}"
        if isinstance(inner, Mapping):
            yield from _leaves(inner, f"{path}.")
        elif isinstance(inner, list) and inner and all(isinstance(one, Mapping) and "name" in one for one in inner):
            for one in inner:
                yield from _leaves({k: v for k, v in one.items() if k != "name"}, f"{path}[{one['name']}].")
        else:
            yield path, inner


def _said(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(str(each) for each in value) or "–"
    return str(value) or "–"
