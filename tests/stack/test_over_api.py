"""Runs over the API of a real stack, and the example of an approval system, with people who sign from elsewhere."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from countersign.execution.access import make_token
from countersign.execution.plan_seal import read_seal
from countersign.local.stack import Stack
from countersign.policy.access import Kind
from countersign.policy.roles import Role
from countersign.private_files import write_private
from countersign.records.database.engine import connect, transaction
from sandbox.demo.household import Household, make_household
from tests.cli.both_ways import Ended, lasting
from tests.planted import plant
from tests.stack.api import PATIENCE
from tests.stack.commands import countersign
from tests.stack.moving_in import moved_in

EXAMPLE = Path(__file__).parents[2] / "examples" / "approval_system" / "request.py"
RESTART = "kubectl rollout restart deployment/api -n prod"
FROZEN = "kubectl rollout restart deployment/invoices -n billing"
ROLES = {
    "roles": [
        {"roles": [role.value for role in Role], "subjects": ["grace"]},
        {"roles": ["requester"], "subjects": ["ticket-system"]},
        {"roles": ["approver"], "subjects": ["alice"]},
    ]
}


@dataclass(frozen=True)
class Elsewhere:
    """People and programs who have a token and no database."""

    stack: Stack
    household: Household
    folder: Path

    @property
    def url(self) -> str:
        url = self.stack.addresses.url
        assert url is not None
        return url

    @property
    def environment(self) -> dict[str, str]:
        """What a machine has that is none of the stack's."""
        kept = ("COUNTERSIGN_", "PREFECT_")
        return {name: value for name, value in os.environ.items() if not name.startswith(kept)}

    def token_file(self, subject: str) -> Path:
        file = self.folder / f"{subject}.token"
        if not file.exists():
            addresses = self.stack.addresses
            engine = connect(SecretStr(addresses.database_url), timeout=5)
            with transaction(engine) as session:
                made = make_token(
                    session,
                    read_seal(addresses.trust_dir),
                    subject=subject,
                    kind=Kind.PERSON,
                    life=timedelta(days=1),
                    by="the test",
                )
            engine.dispose()
            write_private(file, plant(made.secret.get_secret_value()))
        return file

    def api(self, *words: str, by: str = "grace") -> Ended:
        """Run a command over the API."""
        return self._run(
            "--server", self.url, "--token-file", str(self.token_file(by)), *words, environment=self.environment
        )

    def records(self, *words: str) -> Ended:
        """Run a command on the stack's machine."""
        return self._run(*words, environment={**self.stack.environment(), "LOGNAME": "grace"})

    def _run(self, *words: str, environment: dict[str, str]) -> Ended:
        done = countersign(environment, *words, folder=self.folder)
        return done.returncode, done.stdout, done.stderr

    def key_file(self, name: str) -> str:
        file = self.folder / f"{name}.key"
        pem = self.household.keys[name].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(file, pem.decode())
        return str(file)

    def approved(self, action: str) -> str:
        """File a request over the API and have it signed."""
        code, out, err = self.api("approvals", "file", action, "--by-hand")
        assert code == 0, err
        code, _, err = self.sign(out.strip())
        assert code == 0, err
        return out.strip()

    def sign(self, approval_id: str) -> Ended:
        return self.api(
            "approvals", "sign", approval_id, "--as", "alice", "--key", self.key_file("alice"), "--yes", by="alice"
        )


@pytest.fixture(scope="module")
def elsewhere(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """A stack whose policy gives roles."""
    household = make_household()
    household = Household(household.keys, household.auto_secret, household.policy + yaml.safe_dump(ROLES))
    kubeconfig = stack.addresses.kubeconfig
    assert kubeconfig is not None
    moved_in(stack, household, kubeconfig.read_text())
    found = Elsewhere(stack, household, tmp_path_factory.mktemp("elsewhere"))
    give_up = time.monotonic() + PATIENCE
    # The process that serves the API reads a new policy when it looks next.
    while "approver" not in found.api("whoami", by="alice")[1]:
        assert time.monotonic() < give_up, found.api("whoami", by="alice")
        time.sleep(0.5)
    # It reads the blocks every 15 seconds, and has begun before the cluster's was there.
    while (filed := found.api("approvals", "file", RESTART, "--by-hand"))[0] != 0:
        assert time.monotonic() < give_up, filed
        time.sleep(0.5)
    assert found.api("approvals", "cancel", filed[1].strip())[0] == 0
    yield found


def test_runs_are_started_followed_and_reported_alike(elsewhere: Elsewhere) -> None:
    for action, code in (("NO_ACTION: quiet", 0), (FROZEN, 4)):
        ways = [way("approvals", "run", elsewhere.approved(action)) for way in (elsewhere.records, elsewhere.api)]
        assert ways[1][0] == code, ways[1]
        # What is said meanwhile, on standard error, is a matter of moments.
        assert lasting(ways[1])[:2] == lasting(ways[0])[:2]


def test_an_effect_has_its_report_and_happens_once(elsewhere: Elsewhere) -> None:
    approval_id = elsewhere.approved(RESTART)
    dry = ("approvals", "run", approval_id, "--dry-run", "--json")
    planned = [json.loads(way(*dry)[1]) for way in (elsewhere.records, elsewhere.api)]
    assert planned[0].keys() == planned[1].keys()
    assert [(each["outcome"], each["dry_run"]) for each in planned] == [("dry_run", True)] * 2
    assert elsewhere.api("policy", "explain", approval_id)[0] == 0
    code, out, err = elsewhere.api("approvals", "run", approval_id, "--json")
    assert code == 0, err
    report = json.loads(out)
    assert (report["success"], report["performed_by_this_run"], report["targets"]) == (
        True,
        True,
        ["Deployment prod/api"],
    )
    code, out, _ = elsewhere.api("approvals", "run", approval_id, "--json")
    assert (code, json.loads(out)["performed_by_this_run"]) == (0, False)


def test_without_waiting_the_runs_id_is_printed(elsewhere: Elsewhere) -> None:
    code, out, err = elsewhere.api("approvals", "run", elsewhere.approved("NO_ACTION: quiet"), "--no-wait")
    assert (code, len(out.strip()), err) == (0, 36, "")


def test_the_example_files_once_waits_for_a_signature_and_shows_outcome_and_verdict(elsewhere: Elsewhere) -> None:
    environment = {
        **elsewhere.environment,
        "COUNTERSIGN_URL": elsewhere.url,
        "COUNTERSIGN_TOKEN": elsewhere.token_file("ticket-system").read_text(),
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, str(EXAMPLE), "--key", "ticket-4711", "--reason", "it hangs", RESTART]
    first, again = (
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    )
    assert first.stdout is not None
    approval_id = first.stdout.readline().split()[1].rstrip(":")
    code, _, err = elsewhere.sign(approval_id)
    assert code == 0, err
    for each in (first, again):
        out, err = each.communicate(timeout=PATIENCE)
        assert each.returncode == 0, out + err
        assert [line.split()[-1] for line in out.splitlines()[-3:]] == ["executed", "success", "effective"], out
        assert err == ""
    assert f"filed {approval_id}" in out  # the second one found the request of the first
