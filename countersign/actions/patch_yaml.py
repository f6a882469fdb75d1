"""A patch written in YAML, read more narrowly than YAML 1.1.

What different readers understand differently (yes, 0777, 1:30, dates, anchors) is refused, since the one who signed
it and the API server must mean the same.
"""

import re
from collections.abc import Hashable
from typing import Any, ClassVar, Final

import yaml

from countersign.actions.json_text import SINGLE_QUOTES, TYPOGRAPHIC, WHOLE_VALUES, unique_keys
from countersign.errors import ParseFailure

_PLAIN_INT: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
# Plain scalars that YAML 1.1, YAML 1.2 and Go's reader resolve to different things.
_DOUBTFUL: Final = re.compile(
    r"(?i:y|n|yes|no|on|off|true|false|null|~)|[+.-]?[0-9].*|[+-]?\.(?i:inf|nan)|<<|=",
)
# …except quantities and durations, which are text to all of them: 512Mi, 200m, 30s.
_QUANTITY: Final = re.compile(r"[1-9][0-9]*(?:\.[0-9]+)?(?:[mkMGTP]|[KMGTPE]i|s|h)")


def read_yaml(text: str) -> Any:
    """Return what `text` says. Raises ParseFailure where it is not YAML, or readers of YAML disagree on it."""
    try:
        return yaml.load(text, Loader=_Narrow)  # noqa: S506 - a SafeLoader that resolves less
    except yaml.YAMLError:
        raise ParseFailure("the patch is neither JSON nor YAML", hint=SINGLE_QUOTES) from None


class _Narrow(yaml.SafeLoader):
    """YAML without anchors, tags, merge keys, duplicate keys and doubtful scalars."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ParseFailure("the patch uses YAML anchors", hint="write the value out")
        if getattr(event, "tag", None):
            raise ParseFailure("the patch uses YAML tags", hint="write plain JSON")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        pairs = [
            (self.construct_object(key, deep=True), self.construct_object(value, deep=True))
            for key, value in node.value
        ]
        for key, _ in pairs:
            if not isinstance(key, str):
                raise ParseFailure("the patch has a key that is not text", hint="quote the key")
        out: dict[Hashable, Any] = {}
        out.update(unique_keys(pairs))
        return out


def _scalar(loader: _Narrow, node: yaml.ScalarNode) -> Any:
    text = str(node.value)
    if node.style is not None:
        return text
    if text in ("true", "false"):
        return text == "true"
    if text in ("null", "~", ""):
        return None
    if _PLAIN_INT.fullmatch(text):
        return int(text)
    if text[0] in TYPOGRAPHIC:
        raise ParseFailure(
            f"the patch has {text[:40]!r} in typographic quotes, which are a part of the value to YAML",
            hint="type plain quotes",
        )
    if _DOUBTFUL.fullmatch(text) and not _QUANTITY.fullmatch(text):
        raise ParseFailure(
            f"the patch has the plain value {text[:40]!r}, which readers of YAML disagree on", hint=WHOLE_VALUES
        )
    return text


_Narrow.add_constructor("tag:yaml.org,2002:str", _scalar)
