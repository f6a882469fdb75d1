"""What is known to be at fault today, apart from the rows: each entry's rows have to fail until it is mended."""

from dataclasses import dataclass
from typing import Final

from tests.contract.twins.rows import Row


@dataclass(frozen=True)
class Fault:
    """Something that is wrong, and the rows that show it."""

    what: str
    titles: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    """Every row with one of these objects shows it."""

    def shown_by(self, row: Row) -> bool:
        """Tell whether the row has to fail because of it."""
        return row.title in self.titles or any(name in row.objects for name in self.objects)


OF_THE_SANDBOX: Final = (
    Fault("it refuses a StatefulSet whose containers mount what volumeClaimTemplates name", objects=("db",)),
    Fault("it serves neither PersistentVolumes nor StorageClasses", objects=("disk", "fast")),
)
"""Faults of the sandbox's API server and controllers."""

OF_OURS: Final[tuple[Fault, ...]] = ()
"""Faults of our client, on every cluster."""
