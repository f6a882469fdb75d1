"""Objects that an action names by a selector: read here, and resolved to names when the action is filed.

What is signed is a list. So a text with -l is no operation yet: whoever files it asks the cluster for the names.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from countersign.actions.catalogue import Entry
from countersign.actions.flags import Given
from countersign.actions.operation import KubernetesOperation
from countersign.actions.printing import canonical
from countersign.actions.words import Word
from countersign.errors import ParseFailure

SELECTOR: Final = re.compile(r"[A-Za-z0-9(),!=_./ -]{1,512}")
_BY_SELECTOR: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Pod"})


@dataclass(frozen=True)
class Selection:
    """An operation on whatever a selector finds."""

    operation: KubernetesOperation
    """Without names."""
    selector: str

    def named(self, names: Sequence[str], *, namespace: str) -> str:
        """Return the action on exactly these objects."""
        return canonical(replace(self.operation, names=tuple(names), namespace=namespace))


class NotNamedYet(ParseFailure):
    """The objects are given by a selector, which is resolved to names when the action is filed."""

    def __init__(self, selection: Selection) -> None:
        super().__init__(
            f"-l {selection.selector[:80]} names no objects: it is resolved to names when the action is filed",
            hint="file it (countersign approvals file) where the cluster can be reached, or write the names",
        )
        self.selection = selection


def read_selector(arguments: Sequence[Word], given: Given, entry: Entry) -> str | None:
    """Return the selector, None where objects are named. Raises ParseFailure for a text that has both."""
    selector = given.text("selector")
    if selector is None:
        return None
    if not SELECTOR.fullmatch(selector) or not selector.strip():
        raise ParseFailure(f"{selector[:60]!r} is not a selector", hint="for example -l app=api,tier!=cache")
    if len(arguments) != 1 or "/" in arguments[0].text:
        raise ParseFailure(
            f"{entry.written} -l takes one type and no names",
            hint=f"{entry.written} {_type(entry)} -l {selector[:60]}",
        )
    return selector


def check_selectable(kind: str, entry: Entry) -> None:
    """Raise ParseFailure for a kind whose objects have to be named one by one."""
    possible = [known.kind for known in entry.kinds if known.kind in _BY_SELECTOR]
    if kind not in possible:
        raise ParseFailure(
            f"{entry.written} takes no -l for a {kind}: every one has to be named",
            hint=f"-l is possible for {', '.join(possible)}",
        )


def _type(entry: Entry) -> str:
    return next(kind.singular for kind in entry.kinds if kind.kind in _BY_SELECTOR)
