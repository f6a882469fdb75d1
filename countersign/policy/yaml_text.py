"""Reading YAML by JSON's rules: no dates, no base-60 numbers, no yes/no, no tags, no aliases, no key twice.

PyYAML's own loaders turn 16:30 into 990, 2026-12-20 into a date and take the last of two equal keys, and
their constructors raise a different error for every strange tag. Here the parse tree is read directly.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from countersign.errors import ConfigurationError

MAXIMUM_CHARACTERS = 200_000
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d{1,15}\.\d{1,15}", re.ASCII)
# What PyYAML calls values that are written without a tag.
_PLAIN = frozenset({"map", "seq", "str", "null", "bool", "int", "float", "timestamp", "merge", "value"})
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class YamlDocument:
    """A document's value, and the line on which each part of it stands (1 is the first)."""

    value: Any
    lines: dict[Path, int]

    def line_of(self, path: Path) -> int | None:
        """Return the line of the nearest part that encloses `path`."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def read_yaml(text: str, *, source: str) -> YamlDocument:
    """Read one document. Raises ConfigurationError naming the source, the line and what is wrong."""
    if len(text) > MAXIMUM_CHARACTERS:
        raise ConfigurationError(
            f"{source} is {len(text):,} characters long", hint=f"at most {MAXIMUM_CHARACTERS:,} are read"
        )
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        reader = _Reader(source)
        value = None if root is None else reader.read(root, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigurationError(
            f"{source}{where}: this is not YAML: {error.problem or error.context}",
            hint="check the indentation, quotes and brackets on this line and the one before",
        ) from None
    except yaml.YAMLError:
        raise ConfigurationError(
            f"{source} has characters that YAML does not allow", hint="save it as UTF-8 text"
        ) from None
    except RecursionError:
        raise ConfigurationError(f"{source} is nested too deeply", hint="five levels are enough") from None
    return YamlDocument(value, reader.lines)


class _Reader:
    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: dict[Path, int] = {}
        self.seen: set[int] = set()

    def read(self, node: yaml.Node, path: Path) -> Any:
        self.lines[path] = node.start_mark.line + 1
        if id(node) in self.seen:
            raise self.error(node, "aliases (*name) are not read", "write the value out")
        self.seen.add(id(node))
        if node.tag.removeprefix("tag:yaml.org,2002:") not in _PLAIN:
            raise self.error(node, f"the tag {node.tag} is not read", "write a plain value")
        match node:
            case yaml.MappingNode():
                return dict(self.items(node, path))
            case yaml.SequenceNode():
                return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
            case _:
                return _scalar(node)

    def items(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, Any]]:
        known: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.error(key, "a key is not a word", "write name: value")
            if key.value in known:
                raise self.error(
                    key, f"{key.value!r} is given twice, first on line {known[key.value]}", "keep one of them"
                )
            known[key.value] = key.start_mark.line + 1
            yield key.value, self.read(value, (*path, key.value))

    def error(self, node: yaml.Node, what: str, hint: str) -> ConfigurationError:
        return ConfigurationError(f"{self.source}, line {node.start_mark.line + 1}: {what}", hint=hint)


def _scalar(node: yaml.Node) -> str | int | float | bool | None:
    text = str(node.value)
    if getattr(node, "style", None) is not None:
        return text
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text
