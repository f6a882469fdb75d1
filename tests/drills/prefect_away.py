"""Prefect's server is stopped for a while under twenty approvals, and its database is lost under twenty others.

    python -m tests.drills.prefect_away --seconds 120

Every approval is executed once, and none has failed.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import text

from countersign.execution.decisions import sign_approval
from countersign.execution.filing import Request, file_request
from countersign.execution.services import Services
from countersign.local.stack import Stack
from countersign.policy.loading import load_policy
from countersign.policy.signatures import Decision
from countersign.records.approvals import get_approval
from countersign.records.database.engine import connect, transaction
from countersign.records.states import ApprovalStatus
from countersign.settings import Settings
from sandbox.cluster import ControlClient
from sandbox.demo.household import PEOPLE, Household, make_household
from tests.running_stack import SETTINGS
from tests.stack.moving_in import moved_in

NUMBER = 20
PATIENCE_SECONDS = 600.0
WORKLOADS = ("web", "api", "worker", "payments")


def sign_all(stack: Stack, household: Household, word: str) -> list[UUID]:
    """File and sign approvals that a worker is to start."""
    policy = load_policy(household.policy)
    engine = connect(SecretStr(stack.addresses.database_url), timeout=5)
    settings = Settings(trust_dir=stack.addresses.trust_dir)
    services = Services(settings=settings, engine=engine, policy=policy, reread_policy=lambda: policy)
    made = []
    for number in range(NUMBER):
        action = f"kubectl annotate deployment/{WORKLOADS[number % len(WORKLOADS)]} {word}-{number}=yes -n prod"
        with transaction(engine) as session:
            request = Request(action=action, requested_by="carol", risk_level="low")
            approval = file_request(session, request, policy=policy, now=datetime.now(UTC)).approval
            for name in PEOPLE[: approval.required_signatures]:
                key = household.keys[name]
                sign_approval(session, services, approval, signer=name, key=key, decision=Decision.APPROVE)
            made.append(approval.id)
    engine.dispose()
    return made


def wait_for_all(stack: Stack, approvals: list[UUID]) -> float:
    """Wait until all are executed; return the seconds. Ends the drill where one ended otherwise or none more ends."""
    began = time.monotonic()
    engine = connect(SecretStr(stack.addresses.database_url), timeout=5)
    while True:
        with transaction(engine) as session:
            found = {each: get_approval(session, each) for each in approvals}
        ended = [each for each in found.values() if each.status is ApprovalStatus.EXECUTED]
        wrong = [each for each in found.values() if each.status in (ApprovalStatus.FAILED, ApprovalStatus.CANCELLED)]
        if wrong:
            sys.exit(f"{len(wrong)} failed: {wrong[0].rejection_reason}")
        if len(ended) == len(approvals):
            engine.dispose()
            return time.monotonic() - began
        if time.monotonic() - began > PATIENCE_SECONDS:
            sys.exit(f"{len(ended)} of {len(approvals)} executed after {PATIENCE_SECONDS:.0f} s")
        time.sleep(0.5)


def control(stack: Stack) -> ControlClient:
    kubeconfig = stack.addresses.kubeconfig
    assert kubeconfig is not None
    return ControlClient.from_kubeconfig(kubeconfig.read_text())


def changes_seen(stack: Stack) -> int:
    """Return how many requests have changed the cluster, by its own log."""
    return len(control(stack).requests().mutations())


def once_each(stack: Stack) -> None:
    """End the drill unless the cluster's own log has each effect once."""
    if (changes := changes_seen(stack)) != NUMBER:
        sys.exit(f"{changes} changes of {NUMBER} approvals")


def say(line: str) -> None:
    sys.stdout.write(f"{line}.\n")


def pid_of(stack: Stack, name: str) -> int:
    pid = next(part.pid for part in stack.parts() if part.name == name)
    assert pid is not None
    return pid


@contextmanager
def running(folder: Path) -> Iterator[Stack]:
    with Stack(folder, environment=SETTINGS) as stack:
        yield stack


def move_in(stack: Stack, household: Household) -> None:
    kubeconfig = stack.addresses.kubeconfig
    assert kubeconfig is not None
    moved_in(stack, household, kubeconfig.read_text())


def stopped(folder: Path, household: Household, seconds: float) -> None:
    with running(folder) as stack:
        move_in(stack, household)
        server = pid_of(stack, "prefect-server")
        approvals = sign_all(stack, household, "stopped")
        time.sleep(1)
        os.kill(server, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(server, signal.SIGCONT)
        took = wait_for_all(stack, approvals)
        once_each(stack)
        say(f"Prefect's server stopped for {seconds:.0f} s: {NUMBER} executed once, {took:.0f} s after it was back")


def lost(folder: Path, household: Household) -> None:
    with running(folder) as stack:
        control(stack).forget_requests()
        approvals = sign_all(stack, household, "lost")
        time.sleep(1)
        owner = connect(SecretStr(stack._postgres.url("postgres")), timeout=5)
        with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("DROP DATABASE prefect WITH (FORCE)"))
        owner.dispose()
        done = changes_seen(stack)
    with running(folder) as stack:
        took = wait_for_all(stack, approvals)
        again = changes_seen(stack)
        # The log is kept over a restart, or begins anew with it.
        if NUMBER not in (again, done + again):
            sys.exit(f"{done} and {again} changes of {NUMBER} approvals")
        say(f"Prefect's database lost, {done} done: {NUMBER} executed once, {took:.0f} s after the start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    given = parser.parse_args()
    household = make_household()
    with tempfile.TemporaryDirectory(prefix="countersign-drill-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "state"
        stopped(folder, household, given.seconds)
        lost(folder, household)


if __name__ == "__main__":
    main()
