"""Custom resources that may be changed: which kinds, how, and which of their fields. None unless listed."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1, max_length=253)]


class CustomOperation(StrEnum):
    """What can be done to a custom resource; patch is a merge patch."""

    ANNOTATE = "annotate"
    LABEL = "label"
    PATCH = "patch"


class CustomResource(BaseModel):
    """One kind of custom resource that may be changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    group: Name
    """E.g. argoproj.io."""
    kind: Name
    """E.g. Rollout."""
    plural: Name | None = None
    """E.g. rollouts; the kind in lower case with an s unless said."""
    operations: tuple[CustomOperation, ...] = (CustomOperation.ANNOTATE, CustomOperation.LABEL)
    fields: tuple[Name, ...] = ()
    """Fields that a patch may change, with all below them; patterns with * and ?, e.g. spec.paused."""

    def means(self, resource: str) -> bool:
        """Tell whether `resource` (name.group, as an action reads to) is of this kind."""
        name, _, group = resource.lower().partition(".")
        singular = self.kind.lower()
        return group == self.group.lower() and name in (singular, (self.plural or f"{singular}s").lower())

    def first_refused(self, fields: Iterable[str]) -> str | None:
        """Return the first of `fields` that a patch may not change."""
        return next((field for field in fields if not any(_covers(pattern, field) for pattern in self.fields)), None)


def leaves(patch: Any, path: str = "") -> Iterator[str]:
    """Yield every field that a merge patch sets or takes away, as dotted paths.

    What is inside a list is part of the list: a merge patch replaces it whole.
    """
    if isinstance(patch, Mapping) and patch:
        for key in sorted(patch):
            yield from leaves(patch[key], f"{path}.{key}" if path else str(key))
    elif path:
        yield path


def _covers(pattern: str, field: str) -> bool:
    return fnmatchcase(field, pattern) or fnmatchcase(field, f"{pattern}.*")
