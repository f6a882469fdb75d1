"""All rows, a module for each group of commands."""

from typing import Final

from tests.contract.twins.rows import Row
from tests.contract.twins.tables import rollout

ROWS: Final[tuple[Row, ...]] = rollout.ROWS
