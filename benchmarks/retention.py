"""What one execution stores, table by table, and what of it stays once its month has moved to the archive.

Restarts of distinct deployments with everything that follows, on real PostgreSQL and the sandbox cluster. Each table
is packed (VACUUM FULL) before it is measured, and what it had while empty is taken off.

    .venv/bin/python -m benchmarks.retention [--executions 200]
"""

import argparse
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Engine, text

from countersign.aftermath.step_runner import run_steps
from countersign.archive.moving import Archiving, month_of, next_month
from countersign.execution.clusters import only
from countersign.execution.decisions import sign_approval
from countersign.execution.direct_run import execute
from countersign.execution.filing import Request, file_request
from countersign.execution.plan_seal import make_seal
from countersign.execution.run import Run
from countersign.execution.services import Services
from countersign.local.postgres import EmbeddedPostgres
from countersign.policy.document import Policy
from countersign.policy.loading import load_policy
from countersign.policy.signatures import Decision
from countersign.records.database.engine import connect, transaction
from countersign.records.database.identifiers import id_from_text
from countersign.records.database.migrate import upgrade
from countersign.settings import Settings
from countersign.targets.kubernetes.connection import ClusterSettings
from sandbox.cluster import SandboxCluster
from sandbox.demo.household import PEOPLE, Household, make_household

NAMESPACE = "bench"
AT_ONCE = 24
"""Verifications mostly wait."""
TABLES = text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1")


@dataclass(frozen=True)
class Stored:
    """Bytes of one table, and its rows."""

    table: int
    indexes: int
    rows: int


def manifests(count: int) -> list[dict[str, Any]]:
    """Return a namespace with so many deployments."""
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    return [space, *(_deployment(f"app-{number}") for number in range(count))]


def _deployment(name: str) -> dict[str, Any]:
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": name, "image": f"{name}:1"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": pod}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }


def measured(engine: Engine) -> Mapping[str, Stored]:
    """Return what each table takes, packed."""
    found = {}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name in connection.execute(TABLES).scalars().all():
            connection.execute(text(f"VACUUM FULL {name}"))
            of = text(
                f"SELECT pg_table_size('{name}') AS size, pg_indexes_size('{name}') AS indexes, "  # noqa: S608
                f"(SELECT count(*) FROM {name}) AS rows"
            )
            row = connection.execute(of).one()
            found[name] = Stored(row.size, row.indexes, row.rows)
    return found


def executed(services: Services, policy: Policy, household: Household, action: str) -> None:
    """File, sign and execute an action, with all that follows."""
    with transaction(services.engine) as session:
        request = Request(action=action, requested_by="carol", risk_level="medium")
        approval = file_request(
            session, request, policy=policy, now=datetime.now(UTC), clusters=services.clusters
        ).approval
        for name in PEOPLE[: approval.required_signatures]:
            key = household.keys[name]
            sign_approval(session, services, approval, signer=name, key=key, decision=Decision.APPROVE)
    report = execute(Run(services, approval.id, dry_run=False, worker="bench"))
    assert report.success and report.execution_id is not None, report.message
    run_steps(services, id_from_text(report.execution_id, field="ID"), runner="bench")


def main() -> None:
    """Execute, measure, archive, measure again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executions", type=int, default=200)
    count = parser.parse_args().executions
    with tempfile.TemporaryDirectory() as name, SandboxCluster(manifests=manifests(count), speed=50) as cluster:
        folder = Path(name)
        folder.chmod(0o755)
        server = EmbeddedPostgres(folder / "postgres")
        server.start()
        try:
            server.create_database("records")
            engine = connect(server.url("records"), timeout=5)
            upgrade(engine)
            make_seal(folder / "trust")
            household = make_household()
            policy = load_policy(household.policy)
            services = Services(
                Settings(
                    _env_file=None,
                    trust_dir=folder / "trust",
                    verify_warm_up_seconds=0,
                    verify_collect_seconds=0,
                    verify_limit_seconds=30,
                ),
                engine,
                policy,
                lambda: policy,
                clusters=only(ClusterSettings(name="sandbox", kubeconfig=SecretStr(cluster.kubeconfig))),
            )
            empty = measured(engine)
            actions = [f"kubectl rollout restart deployment/app-{number} -n {NAMESPACE}" for number in range(count)]
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(partial(executed, services, policy, household), actions))
            before = measured(engine)
            until = next_month(month_of(datetime.now(UTC) + timedelta(days=1)))
            files = list(Archiving(engine, folder / "archive", by="bench").run(until))
            _show(empty, before, measured(engine), count)
            print(f"\nfiles: {sum(each.size for each in files) / count:,.0f} B an execution, packed")
            engine.dispose()
        finally:
            server.stop()


def _show(empty: Mapping[str, Stored], before: Mapping[str, Stored], after: Mapping[str, Stored], count: int) -> None:
    print(f"{'bytes an execution':26} {'rows':>5} {'before':>15} {'after':>15}   table + indexes")
    sums = [0.0, 0.0]
    for name, full in sorted(before.items(), key=lambda each: -(each[1].table + each[1].indexes)):
        if full.rows - empty[name].rows < count / 10:
            continue
        parts = []
        for place, found in enumerate((full, after[name])):
            table = max(0, found.table - empty[name].table) / count
            indexes = max(0, found.indexes - empty[name].indexes) / count
            sums[place] += table + indexes
            parts.append(f"{table:6,.0f} + {indexes:6,.0f}")
        print(f"{name:26} {(full.rows - empty[name].rows) / count:5.1f} {parts[0]:>15} {parts[1]:>15}")
    print(f"{'all':26} {'':5} {sums[0]:15,.0f} {sums[1]:15,.0f}")


if __name__ == "__main__":
    main()
