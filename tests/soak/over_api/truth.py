"""Whether what clients were told is what the records say."""

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import text

from countersign.records.database.engine import transaction
from tests.faults.servers.place import Place
from tests.soak.over_api.asking import Tally
from tests.soak.over_api.clients import ENDED, SIGNER, Told

RECORDED = text("""
    SELECT approval.id::text AS id, description AS key, action, requested_by, status,
           (SELECT count(*) FROM signature WHERE approval_id = approval.id AND signer = :signer) AS signatures,
           (SELECT outcome FROM execution WHERE approval_id = approval.id AND NOT dry_run AND rolls_back IS NULL
              AND outcome IS DISTINCT FROM 'postponed' ORDER BY started_at DESC LIMIT 1) AS outcome
    FROM approval WHERE requested_by LIKE 'client-%'
""")


@dataclass
class Truth:
    """What does not agree."""

    untrue: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    """What was asked for once and is on record more than once."""

    @property
    def holds(self) -> bool:
        """Whether all of it agrees."""
        return not (self.untrue or self.twice)

    def lines(self) -> Iterator[str]:
        """Return the summary."""
        for name, found in {"untrue answers": self.untrue, "done twice for one key": self.twice}.items():
            yield f"{name}: {len(found)}"
            yield from (f"  {line}" for line in found)


def compare(place: Place, told: Sequence[Told]) -> Truth:
    """Compare every answer with the record, before a person has settled anything."""
    with transaction(place.services.engine) as session:
        rows = session.execute(RECORDED, {"signer": SIGNER}).all()
    truth, by_id, keys = Truth(), {row.id: row for row in rows}, Counter(row.key for row in rows)
    truth.twice = [f"{key}: {number} approvals" for key, number in keys.items() if number > 1]
    truth.twice += [f"{row.id}: {row.signatures} signatures" for row in rows if row.signatures > 1]
    for one in told:
        row = by_id.get(one.approval_id or "")
        if row is None:
            if one.approval_id is not None or keys[one.key]:
                truth.untrue.append(f"{one.key}: told {one.approval_id}, {keys[one.key]} on record")
            continue
        if (row.key, row.action, row.requested_by) != (one.key, one.action, one.requester):
            truth.untrue.append(f"{one.key}: {row.id} is another request")
        if one.signed and row.signatures != 1:
            truth.untrue.append(f"{one.key}: told that it is signed, {row.signatures} signatures")
        if one.status in ENDED and (one.status, one.outcome) != (row.status, row.outcome):
            truth.untrue.append(f"{one.key}: told {one.status} {one.outcome}, is {row.status} {row.outcome}")
    return truth


def speeds(tally: Tally, *, seconds: float) -> Iterator[str]:
    """Return how fast it was: tries that were answered a second, and how long each kind took."""
    yield f"requests answered a second: {tally.answered / seconds:.1f} ({tally.answered} in {seconds:.0f} s)"
    for what, took in tally.seconds.items():
        if what != "wait" and len(took) > 1:
            p50, p95 = statistics.median(took), statistics.quantiles(took, n=20)[-1]
            yield f"  {what}: {len(took)}, p50 {p50:.3f} s, p95 {p95:.3f} s, longest {max(took):.3f} s"
