"""docs/api.md: its error table is the code's, and its commands lead to an executed approval."""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
import uvicorn
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi import FastAPI

from countersign.policy.roles import Role, RoleGrant
from countersign.records.approvals import list_approvals
from countersign.records.database.engine import transaction
from countersign.records.states import ApprovalStatus
from countersign.web.problem import table
from tests.execution.conftest import Office
from tests.web.conftest import House
from tests.web.records import furnished

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
EVERYTHING = RoleGrant(roles=tuple(Role), subjects=("grace",))
BEGIN, END = "<!-- errors -->\n", "<!-- /errors -->\n"


def error_table() -> str:
    """Return the table as the page has it."""
    rows = "".join(f"| {status} | `{code}` | {meaning} |\n" for status, code, meaning in table())
    return f"| status | code | meaning |\n|---|---|---|\n{rows}"


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve on loopback, and give the address."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
        (listening,) = server.servers[0].sockets
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(60)


def test_the_error_table_is_the_codes() -> None:
    text = PAGE.read_text()
    assert text[text.index(BEGIN) + len(BEGIN) : text.index(END)] == error_table()


@pytest.mark.skipif(shutil.which("jq") is None, reason="the page's commands need jq")
def test_the_commands_lead_to_an_executed_approval(office: Office, tmp_path: Path) -> None:
    rooms = furnished(office, tmp_path, roles=(EVERYTHING,))
    key = office.household.keys["alice"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "alice.key").write_bytes(key)
    commands = "set -euo pipefail\n" + "".join(re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.M | re.S))
    with serving(rooms.house.app) as address, a_worker(rooms.house, besides={rooms.executed}):
        environment = {
            "PATH": os.environ["PATH"],
            "COUNTERSIGN_URL": address,
            "COUNTERSIGN_TOKEN": rooms.house.token("grace"),
        }
        done = subprocess.run(
            ["bash", "-c", commands], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "intent" in done.stdout and "landed" in done.stdout


@contextmanager
def a_worker(house: House, *, besides: set[UUID]) -> Iterator[None]:
    """Do what a worker does: execute what is approved."""
    over = threading.Event()

    def work() -> None:
        done = set(besides)
        while not over.wait(0.2):
            with transaction(house.services.engine) as session:
                found = list_approvals(session, status=ApprovalStatus.APPROVED).items
            for approval in found:
                if approval.id not in done:
                    done.add(approval.id)
                    house.office.run(approval.id)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(60)
