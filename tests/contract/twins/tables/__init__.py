"""All rows, a module for each group of commands."""

from typing import Final

from tests.contract.twins.rows import Row
from tests.contract.twins.tables import (
    deleting,
    metadata,
    nodes,
    patch_others,
    patch_services,
    patch_workloads,
    refused,
    rollout,
    scaling,
    setting,
)

ROWS: Final[tuple[Row, ...]] = (
    *rollout.ROWS,
    *scaling.ROWS,
    *setting.ROWS,
    *deleting.ROWS,
    *nodes.ROWS,
    *metadata.ROWS,
    *patch_workloads.ROWS,
    *patch_services.ROWS,
    *patch_others.ROWS,
    *refused.ROWS,
)
