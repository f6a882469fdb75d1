"""Where a page of a list ended: what follows is asked for by it, however much has come or gone meanwhile."""

from datetime import datetime
from typing import NamedTuple


class Place(NamedTuple):
    """The time and the name of a page's last row; of rows of one moment the names decide."""

    created_at: datetime
    id: str
