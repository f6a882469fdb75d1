"""What the audit costs, against a plain table that rows are appended to: to write, to seal, to prove, to verify.

One PostgreSQL with its defaults (every commit is on disk), two databases. The plain table has the same columns
without chain, hashes and tree, which is what one would have instead.

    .venv/bin/python -m benchmarks.audit [--rows 1000000] [--seconds 20] [--rate 500]
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, event, text

from countersign.audit.exporting import proof_of
from countersign.audit.notes import Sealer
from countersign.audit.sealing import Sealing
from countersign.audit.verifier import check
from countersign.audit.verifying import verify
from countersign.local.postgres import EmbeddedPostgres
from countersign.records import audit, audit_sources
from countersign.records.approvals import NewApproval, NewSignature, add_signature, file_approval
from countersign.records.audit import Event
from countersign.records.audit_tree import waiting_rows
from countersign.records.claims import claim
from countersign.records.database.engine import connect, transaction
from countersign.records.database.identifiers import new_id
from countersign.records.database.migrate import upgrade
from countersign.records.journal import record_answer, record_intent
from countersign.records.outcomes import Outcome
from countersign.records.plans import store_plan
from countersign.records.settlement import settle
from countersign.records.states import Answer, Decision, RiskLevel

ROWS_OF_A_CHAIN = 10
EXECUTIONS = 200
APPENDS = 2_000
PROOFS = 200

PLAIN = """
    CREATE TABLE plain (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, chain TEXT NOT NULL, event TEXT NOT NULL,
        actor TEXT NOT NULL, about TEXT NOT NULL, details JSON NOT NULL, at timestamptz NOT NULL);
    CREATE INDEX ON plain (chain);
"""
DETAILS = """'{"execution": "01980f7e-1c2d-7abc-8def-0123456789ab", "step": "restart deployment/api", "attempt": 1,
    "fence": 1, "digest": "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"}'"""
ADD_PLAIN = text(f"""
    INSERT INTO plain (chain, event, actor, about, details, at)
    VALUES (:chain, 'access:request:refused', 'worker', '', {DETAILS}, clock_timestamp())
""")  # noqa: S608 - constants of this module
FILL = """
    SELECT count(audit_append(lpad(to_hex(n / {each}), 32, '0')::uuid::text, 'access:request:refused', 'worker', '',
        {details})) FROM generate_series({first}, {end} - 1) AS n
"""
FILL_PLAIN = """
    INSERT INTO plain (chain, event, actor, about, details, at)
    SELECT lpad(to_hex(n / {each}), 32, '0')::uuid::text, 'access:request:refused', 'worker', '', {details},
        clock_timestamp() FROM generate_series({first}, {end} - 1) AS n
"""
SIZES = text("""
    SELECT sum(pg_total_relation_size(name)) FROM unnest(ARRAY['audit_event', 'audit_leaf', 'audit_tile',
        'audit_checkpoint']) AS name
""")


def seal(entry: Mapping[str, Any]) -> str:
    """A seal costs the same with the audit and without it."""
    return "sealed"


def one_execution(engine: Engine) -> None:
    """An approval's way through the records, from its filing to its outcome, with one request."""
    now = datetime.now(UTC)
    asked = NewApproval(action="kubectl rollout restart deploy/api", risk_level=RiskLevel.LOW, requested_by="alice")
    given = NewSignature(signer="bob", decision=Decision.APPROVE, algorithm="ed25519", key_id="k", value="v", form=2)
    with transaction(engine) as session:
        approval = file_approval(session, asked, now=now).id
    with transaction(engine) as session:
        add_signature(session, approval, given, now=now)
    with transaction(engine) as session:
        mine = claim(session, approval, worker="w", flow_run_id=None, lease_seconds=30).owned
    assert mine is not None
    with transaction(engine) as session:
        store_plan(session, mine, plan={"steps": ["restart"]}, plan_hash="h", plan_mac="m")
    with transaction(engine) as session:
        record_intent(session, mine, step="1", attempt=1, payload={"body": "restart"}, sealing=seal)
    with transaction(engine) as session:
        record_answer(session, mine, step="1", attempt=1, answer=Answer.LANDED, sealing=seal)
    with transaction(engine) as session:
        settle(session, mine, outcome=Outcome.SUCCESS, report={})


@contextmanager
def untold() -> Iterator[None]:
    """Have the writers of records append no row."""
    homes = [
        module
        for name, module in sys.modules.items()
        if name.startswith("countersign.") and getattr(module, "tell", None) is audit_sources.tell
    ]
    kept = audit_sources.tell
    for module in homes:
        module.tell = lambda *_, **__: None  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for module in homes:
            module.tell = kept  # type: ignore[attr-defined]


def statements_of(engine: Engine, act: Callable[[Engine], None]) -> int:
    """Count the statements that `act` sends."""
    sent: list[str] = []

    def note(*said: object) -> None:
        sent.append(str(said[2]))

    event.listen(engine, "before_cursor_execute", note)
    act(engine)
    event.remove(engine, "before_cursor_execute", note)
    return len(sent)


def median_ms(times: int, act: Callable[[], object]) -> float:
    """Return the median of so many calls, in milliseconds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        taken.append((time.perf_counter() - began) * 1e3)
    return statistics.median(taken)


def seconds_of(act: Callable[[], object]) -> float:
    """Return how long `act` takes, in seconds."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def executions(engine: Engine) -> None:
    """What an execution costs with the audit and without it, turn by turn."""
    with untold():
        plain = statements_of(engine, one_execution)
    told = statements_of(engine, one_execution)
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(EXECUTIONS):
        taken[0].append(median_ms(1, lambda: one_execution(engine)))
        with untold():
            taken[1].append(median_ms(1, lambda: one_execution(engine)))
    with_audit, without = map(statistics.median, taken)
    print(f"an execution's records:   {told} statements, {with_audit:.2f} ms; without the audit", end=" ")
    print(f"{plain}, {without:.2f} ms: {told - plain} statements, {with_audit - without:.2f} ms more", end=" ")
    print(f"(ratio {with_audit / without:.2f})")


def appends(engine: Engine) -> None:
    """What one row costs, in a transaction of its own."""

    def chained() -> None:
        with transaction(engine) as session:
            audit.record(session, Event.ACCESS_REFUSED, approval_id=new_id(), actor="worker", details={"fence": 1})

    def plain() -> None:
        with transaction(engine) as session:
            session.execute(ADD_PLAIN, {"chain": str(new_id())})

    one, other = median_ms(APPENDS, chained), median_ms(APPENDS, plain)
    print(f"one row, committed:       {one:.2f} ms; plain table {other:.2f} ms (ratio {one / other:.2f})")


def fill(engine: Engine, rows: int, statement: str) -> float:
    """Append rows in large transactions and return the seconds."""
    began = time.perf_counter()
    for first in range(0, rows, 50_000):
        with engine.begin() as connection:
            connection.exec_driver_sql(
                statement.format(each=ROWS_OF_A_CHAIN, details=DETAILS, first=first, end=min(first + 50_000, rows))
            )
    return time.perf_counter() - began


def keeps_up(engine: Engine, sealing: Sealing, *, rate: int, seconds: float) -> None:
    """Append at a rate from four threads while the sealer runs once a second; print how far behind it gets."""
    stop, behind, took, written = time.perf_counter() + seconds, [], [], [0, 0, 0, 0]

    def write(number: int) -> None:
        due = time.perf_counter()
        while (now := time.perf_counter()) < stop:
            if now < due:
                time.sleep(due - now)
            due += 4 / rate
            with transaction(engine) as session:
                audit.record(session, Event.ACCESS_REFUSED, approval_id=new_id(), details={"fence": 1})
            written[number] += 1

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        time.sleep(1)
        took.append(seconds_of(sealing.round))
        with transaction(engine) as session:
            behind.append(waiting_rows(session)[0])
    sealing.round()
    print(f"sealing while rows come:  {sum(written) / seconds:,.0f} rows/s written, a round takes", end=" ")
    print(f"{statistics.median(took) * 1e3:.0f} ms (worst {max(took) * 1e3:.0f}), at most {max(behind)} rows behind")


def made(server: EmbeddedPostgres, name: str) -> Engine:
    """Return a migrated database with the plain table beside the audit's."""
    server.create_database(name)
    engine = connect(server.url(name), timeout=10)
    upgrade(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(PLAIN)
    return engine


def main() -> int:
    """Measure and print; fail where verification finds something or the sealer cannot keep up."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--rate", type=int, default=500, help="rows a second while the sealer runs")
    options.add_argument("--seconds", type=float, default=20)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="countersign-bench-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        with EmbeddedPostgres(Path(name) / "postgres") as server:
            engine, other = made(server, "audit"), made(server, "untold")
            executions(other)
            other.dispose()
            appends(engine)
            sealing = Sealing(engine, Sealer(bytes(range(32))), Path(name) / "audit-head")
            sealing.round()
            keeps_up(engine, sealing, rate=chosen.rate, seconds=chosen.seconds)
            found = large(engine, sealing, chosen.rows)
            engine.dispose()
    return found


def large(engine: Engine, sealing: Sealing, rows: int) -> int:
    """Fill, seal, prove and verify many rows."""
    chained, plain = fill(engine, rows, FILL), fill(engine, rows, FILL_PLAIN)
    print(f"{rows:,} rows in bulk:   {chained:.0f} s; plain table {plain:.0f} s (ratio {chained / plain:.1f})")
    sealed = seconds_of(sealing.round)
    print(f"sealing them:             {sealed:.0f} s, {rows / sealed:,.0f} rows/s")
    with engine.connect() as connection:
        size = connection.execute(SIZES).scalar_one()
        other = connection.execute(text("SELECT pg_total_relation_size('plain')")).scalar_one()
    print(f"on disk:                  {size / rows:.0f} bytes a row; plain table {other / rows:.0f}", end=" ")
    print(f"(ratio {size / other:.1f})")
    verifier = Sealer(bytes(range(32))).verifier
    chain = str(UUID(int=rows // ROWS_OF_A_CHAIN // 2))
    proof = proof_of(engine, chain, verifier=verifier)
    wrong = check(proof, str(verifier), None)
    one = median_ms(PROOFS, lambda: proof_of(engine, chain, verifier=verifier))
    with engine.connect() as connection:
        asked = text("SELECT * FROM plain WHERE chain = :chain")
        look = median_ms(PROOFS, lambda: connection.execute(asked, {"chain": chain}).all())
    print(
        f"proof of {len(proof['rows'])} rows:         {one:.1f} ms, {one / len(proof['rows']):.2f} ms a row; ", end=""
    )
    print(f"reading them from the plain table {look:.2f} ms")
    began = time.perf_counter()
    verified = verify(engine, verifier=verifier, saved=None)
    took = time.perf_counter() - began
    with engine.connect().execution_options(yield_per=5_000) as connection:
        read = seconds_of(lambda: sum(1 for _ in connection.execute(text("SELECT * FROM plain ORDER BY id"))))
    print(f"verifying {verified.rows:,} rows: {took:.0f} s; reading as many from the plain table {read:.0f} s")
    for found in (*verified.findings, *wrong):
        print(f"WRONG: {found}")
    return int(bool(verified.findings or wrong))


if __name__ == "__main__":
    sys.exit(main())
