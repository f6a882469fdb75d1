"""Which requests are about a cluster, by the name that was filed with them."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlmodel import Session

# How many requests for a cluster are being executed, and how many wait for signatures or for a run.
COUNT_REQUESTS = text("""
    SELECT count(*) FILTER (WHERE status = 'executing') AS executing,
           count(*) FILTER (WHERE status IN ('pending', 'approved')) AS open
    FROM approval
    WHERE status IN ('pending', 'approved', 'executing') AND target ->> 'cluster' = :cluster
""")


@dataclass(frozen=True)
class RequestsOn:
    """How many there are."""

    executing: int
    open: int


def requests_on(session: Session, cluster: str) -> RequestsOn:
    """Count the requests for `cluster` that have not ended."""
    row = session.execute(COUNT_REQUESTS, {"cluster": cluster}).one()
    return RequestsOn(row.executing, row.open)
