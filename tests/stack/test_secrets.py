"""No secret gets out: logs, artifacts, runs, blocks as the API shows them, records, process lists."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from sqlalchemy import text

from countersign.records.database.engine import transaction
from sandbox.cluster import Effect, Fault
from tests.stack.test_execute_approval import Office, office  # noqa: F401  (a fixture)

IN_AN_ACTION = "hunter2InARun"
"""Stands in actions; the approvals' own rows and plans hold it."""
REVEALING = (
    f"kubectl set env deployment/api -n prod DB_PASSWORD={IN_AN_ACTION}",
    f"kubectl patch deployment/api -n prod --type json "
    f"""-p '[{{"op":"add","path":"/metadata/annotations/token","value":"{IN_AN_ACTION}"}}]'""",
    f"kubectl set env deployment/api -n prod DB_PASSWORD={IN_AN_ACTION} | sh",
    f"kubectl set env deployment/nothing -n prod API_KEY={IN_AN_ACTION}",
)
TABLES = text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")


@pytest.fixture(scope="module")
def secrets(office: Office) -> Iterator[tuple[str, ...]]:  # noqa: F811
    """The token of the cluster and the auto-approver's key, after runs that succeed, fail and are retried."""
    kubeconfig = office.stack.addresses.kubeconfig
    assert kubeconfig is not None
    token = yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]["token"]
    office.cluster.add_fault(Fault(effect=Effect.ERROR, code=403, method="PATCH", dry_run=None, count=1))
    actions = ("kubectl rollout restart deployment/api -n prod", "kubectl get pods -n prod", "kubectl get pods -n no")
    for action in (*actions, *REVEALING):
        office.api.wait(office.trigger(office.approved(action)))
    yield token, office.household.auto_secret.get_secret_value()
    office.cluster.clear_faults()


def test_no_secret_is_in_what_prefect_shows(office: Office, secrets: tuple[str, ...]) -> None:  # noqa: F811
    for path in ("logs", "artifacts", "flow_runs", "task_runs", "block_documents", "variables", "deployments"):
        answer = office.api.http.post(f"/{path}/filter", json={"limit": 200})
        assert answer.is_success, answer.text
        for secret in (*secrets, IN_AN_ACTION):
            assert secret not in answer.text, path


def test_no_secret_is_in_the_records(office: Office, secrets: tuple[str, ...]) -> None:  # noqa: F811
    with transaction(office.services.engine) as session:
        for table in session.execute(TABLES).scalars().all():
            rows = session.execute(text(f'SELECT row_to_json(t)::text FROM "{table}" t')).scalars()
            everything = "\n".join(rows)
            for secret in secrets:
                assert secret not in everything, table


def test_no_secret_is_in_a_log_file_or_a_process_list(office: Office, secrets: tuple[str, ...]) -> None:  # noqa: F811
    for file in office.stack.addresses.state_dir.glob("logs/*"):
        for secret in (*secrets, IN_AN_ACTION):
            assert secret not in file.read_text(errors="replace"), file.name
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().decode(errors="replace")
        except OSError:  # it has ended
            continue
        for secret in (*secrets, IN_AN_ACTION):
            assert secret not in words, words
