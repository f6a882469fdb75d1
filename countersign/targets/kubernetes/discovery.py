"""What a cluster serves, as its discovery told: kept for some minutes, and asked anew where something is missing."""

import time
from collections.abc import Mapping
from typing import Any, Final

KEPT_SECONDS: Final = 300.0
"""A new kind is found at once all the same: what is not among what is kept is asked for again."""
Resources = tuple[Mapping[str, Any], ...]


class Discovery:
    """What was told, for KEPT_SECONDS. Whoever asks at the same time as another at worst asks too."""

    def __init__(self) -> None:
        self._groups: tuple[float, Mapping[str, tuple[str, ...]]] | None = None
        self._resources: dict[str, tuple[float, Resources]] = {}

    def groups(self) -> Mapping[str, tuple[str, ...]] | None:
        """Return the versions of each API group, its preferred one first; None where it has to be asked."""
        kept = self._groups
        return kept[1] if kept is not None and _is_new(kept[0]) else None

    def keep_groups(self, groups: Mapping[str, tuple[str, ...]]) -> None:
        """Keep what /apis told."""
        self._groups = (time.monotonic(), groups)

    def resources(self, version: str) -> Resources | None:
        """Return what `version` has ("v1", "apps/v1"); None where it has to be asked."""
        kept = self._resources.get(version)
        return kept[1] if kept is not None and _is_new(kept[0]) else None

    def keep_resources(self, version: str, resources: Resources) -> None:
        """Keep what the discovery of one version told."""
        self._resources[version] = (time.monotonic(), resources)

    def clear(self) -> None:
        """Keep nothing."""
        self._groups = None
        self._resources = {}


def _is_new(at: float) -> bool:
    return time.monotonic() - at < KEPT_SECONDS
