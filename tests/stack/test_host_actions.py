"""Host actions through the deployment: real server, real worker, and the stack's own host over SSH."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from countersign.execution.decisions import sign_approval
from countersign.execution.filing import Request, file_request
from countersign.execution.report import Report
from countersign.policy.signatures import Decision
from countersign.records.database.engine import transaction
from countersign.records.gateway_audit import calls_of
from sandbox.demo.household import ADMINISTRATOR, PEOPLE
from sandbox.hosts.ports import answers
from tests.stack.api import PATIENCE
from tests.stack.commands import countersign
from tests.stack.test_execute_approval import Office, office  # noqa: F401  (a fixture)

# A tool, a text that asks for it, and what it changes on the host.
TOOLS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("ssh_diagnose", "ssh web-1 'df -h'", ()),
    ("ssh_docker_restart", "ssh web-1 'sudo docker restart web'", ("restart web",)),
    (
        "ssh_docker_compose_restart",
        "ssh web-1 'docker compose -p shop restart cart'",
        ("restart shop-cart-1", "restart shop-cart-2"),
    ),
    ("ssh_systemctl_restart", "ssh://web-1/systemctl restart orders.service", ("restart orders.service",)),
    (
        "ssh_clear_docker_logs",
        "ssh web-1 'truncate -s 0 $(docker inspect --format={{.LogPath}} web)'",
        ("truncate ",),
    ),
    ("ssh_renew_ssl", "ssh web-1 'certbot renew --cert-name example.org'", ("renew example.org",)),
    ("ssh_reload_nginx", "ssh web-1 'nginx -s reload'", ("reload nginx",)),
    ("ssh_docker_prune", "ssh web-1 'docker volume prune -f'", ("prune volume",)),
)

WITHOUT_THE_SCOPE = "a prune without the scope"
ON_NO_HOST = "a host that is not in the block"

REGISTER_AGAIN = """
import asyncio, sys
from pathlib import Path
from blocks import SSHHosts
from countersign.local.registration import make_blocks

async def with_name(name):
    block = await SSHHosts.aload("default")
    block.fleet_name = name
    await block.asave("default", overwrite=True)
    await make_blocks(None, Path(sys.argv[1]))
    print((await SSHHosts.aload("default")).fleet_name)

async def both():
    await with_name("ours")
    await with_name("sandbox")

asyncio.run(both())
"""


@dataclass(frozen=True)
class Ended:
    """What a run came to."""

    run: dict[str, Any]
    report: Report
    approval_id: UUID


def approved(office: Office, action: str, *, requested_by: str = ADMINISTRATOR) -> UUID:  # noqa: F811
    services, household = office.services, office.household
    with transaction(services.engine) as session:
        request = Request(action=action, requested_by=requested_by, risk_level="medium", start="by_hand")
        approval = file_request(session, request, policy=services.policy, now=datetime.now(UTC)).approval
        for name in PEOPLE[: approval.required_signatures]:
            key = household.keys[name]
            sign_approval(session, services, approval, signer=name, key=key, decision=Decision.APPROVE)
        return approval.id


@pytest.fixture(scope="module")
def ended(office: Office) -> Iterator[dict[str, Ended]]:  # noqa: F811
    """Every tool and two refusals, triggered at once; the host lets one after the other act on it."""
    filed = {tool: approved(office, text) for tool, text, _effects in TOOLS}
    filed[WITHOUT_THE_SCOPE] = approved(office, "ssh web-1 'docker image prune -f'", requested_by="carol")
    filed[ON_NO_HOST] = approved(office, "ssh web-7 'systemctl restart nginx'")
    runs = {name: office.trigger(approval_id) for name, approval_id in filed.items()}
    yield {name: Ended(office.api.wait(run), office.report(filed[name]), filed[name]) for name, run in runs.items()}


def effects(office: Office) -> list[str]:  # noqa: F811
    log = office.stack.addresses.state_dir / "host" / "effects.jsonl"
    return [json.loads(line)["what"] for line in log.read_text().splitlines()]


@pytest.mark.parametrize(("tool", "effect"), [(tool, effect) for tool, _text, effect in TOOLS])
def test_a_tool_runs_through_the_deployment_with_its_effect_once(
    office: Office,  # noqa: F811
    ended: dict[str, Ended],
    tool: str,
    effect: tuple[str, ...],
) -> None:
    one = ended[tool]
    outcome = "success" if effect else "investigated"
    assert (one.run["state_type"], one.report.outcome) == ("COMPLETED", outcome), one.report.message
    assert [(step.result, step.attempts) for step in one.report.steps] == [("landed", 1)]
    assert {f"tool:{tool}", "host:web-1"} <= set(one.run["tags"])
    for wanted in effect:
        assert sum(seen.startswith(wanted) for seen in effects(office)) == 1
    with transaction(office.services.engine) as session:
        sent = [row for row in calls_of(session, one.approval_id) if row.purpose == "apply"]
        assert [(row.tool, row.decision) for row in sent] == [(tool, "allowed"), (tool, "completed")]
        assert sent[0].argv


def test_nothing_else_happened_on_the_host(office: Office, ended: dict[str, Ended]) -> None:  # noqa: F811
    assert len(ended) == len(TOOLS) + 2
    assert len(effects(office)) == sum(len(effect) for _tool, _text, effect in TOOLS)


def test_a_diagnosis_is_on_the_runs_page(office: Office, ended: dict[str, Ended]) -> None:  # noqa: F811
    evidence = ended["ssh_diagnose"].report.evidence
    assert evidence is not None
    assert "$ df -h\nFilesystem" in evidence.stdout
    assert "$ docker container ls --all\n" in office.artifact(ended["ssh_diagnose"].approval_id)["data"]


def test_a_refusal_is_blocked_with_its_gate_and_code_and_in_the_audit(
    office: Office,  # noqa: F811
    ended: dict[str, Ended],
) -> None:
    one = ended[WITHOUT_THE_SCOPE]
    assert (one.run["state_type"], one.run["state_name"]) == ("FAILED", "Blocked")
    assert (one.report.outcome, one.report.code) == ("blocked", "gate_2_scope_missing")
    with transaction(office.services.engine) as session:
        refused = [row for row in calls_of(session, one.approval_id) if not row.allowed]
        assert [(row.agent, row.gate, row.gate_code) for row in refused] == [("carol", 2, "scope_missing")]


def test_a_host_that_is_not_in_the_block_is_named(ended: dict[str, Ended]) -> None:
    report = ended[ON_NO_HOST].report
    assert (report.outcome, report.code) == ("blocked", "target_not_found")
    assert "web-1" in (report.hint or "")


def test_doctor_logs_in_to_the_hosts_of_the_block(office: Office) -> None:  # noqa: F811
    told = countersign(office.stack.environment(), "doctor")
    assert told.returncode == 0, told.stdout + told.stderr
    (line,) = [line for line in told.stdout.splitlines() if " hosts " in line and line.startswith("ok")]
    assert "every host (1) shows its pinned key" in line


def test_a_host_that_dies_comes_back_where_the_block_says(office: Office) -> None:  # noqa: F811
    def pid() -> int:
        return next(part.pid or 0 for part in office.stack.parts() if part.name == "host")

    announced = office.stack.addresses.state_dir / "host.json"
    said, dead = announced.read_text(), pid()
    os.kill(dead, signal.SIGKILL)
    give_up = time.monotonic() + PATIENCE
    while pid() == dead or not answers(json.loads(said)["port"]):
        assert time.monotonic() < give_up, office.stack.log("host")
        time.sleep(0.05)
    assert json.loads(announced.read_text()) == json.loads(said)


def test_a_block_that_a_person_saved_is_left_alone(office: Office) -> None:  # noqa: F811
    host = str(office.stack.addresses.state_dir / "host.json")
    command = [sys.executable, "-c", REGISTER_AGAIN, host]
    told = subprocess.run(command, env=office.stack.environment(), capture_output=True, text=True, check=True)
    assert told.stdout.splitlines() == ["ours", "sandbox"]


def test_the_hosts_private_key_is_in_no_log(office: Office, ended: dict[str, Ended]) -> None:  # noqa: F811
    state_dir: Path = office.stack.addresses.state_dir
    secret = (state_dir / "host" / "client_key").read_text().splitlines()[1]
    assert ended
    for file in (state_dir / "logs").iterdir():
        assert secret not in file.read_text(errors="replace"), file.name
