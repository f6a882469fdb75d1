"""A secret in an action, or in what the cluster says of it, stays where it is needed: in the approval and its plan.

Everything else that people or machines read of a run (report, timeline, operation log, snapshots, steps, knowledge,
playbooks, dead letters, messages, pages, logs) is looked through as a whole.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console
from sqlalchemy import Engine, text

from countersign.cli.approval_list import list_lines, row_json
from countersign.cli.rendering import print_approval, print_columns
from countersign.execution.approval_facts import approval_facts
from countersign.execution.channels import Channel, Channels, TelegramBot
from countersign.execution.follow_up import follow_up_of
from countersign.execution.markdown import render
from countersign.execution.report import Report
from countersign.records.approval_list import approval_rows
from countersign.records.database.engine import transaction
from sandbox.cluster import Effect, Fault
from tests.aftermath.following import execution_id_of, follow
from tests.aftermath.incidents.remembered import received, with_redis
from tests.aftermath.notifications.conftest import bot, receiver, webhook
from tests.aftermath.notifications.receiver import Receiver
from tests.execution.conftest import Office

__all__ = ["bot", "receiver", "webhook"]

SECRET = "hunter2StaysWhereItIs"
TOKEN = f"ghp_{SECRET}0123456789"
TABLES = text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
HOLDING = {
    "approval": ("action", "parameters", "description"),  # what was signed
    "execution": ("plan",),  # what is sent
}
"""Where the text itself has to be: columns by table."""

SET_ENV = f"kubectl set env deployment/api -n prod DB_PASSWORD={SECRET} GITHUB={TOKEN}"
PATCH = json.dumps([{"op": "add", "path": "/metadata/annotations/api-token", "value": SECRET}])
ACTIONS = (
    SET_ENV,
    f"kubectl patch deployment/api -n prod --type json -p '{PATCH}'",
    f"kubectl annotate deployment/api -n prod note='Bearer {SECRET}12345' --overwrite",
    f"kubectl set env deployment/nothing -n prod DB_PASSWORD={SECRET}",
    f"kubectl set env deployment/api -n prod DB_PASSWORD={SECRET} && reboot",
    f"kubectl set env deployment/api --token={SECRET} A=b",
    f"NO_ACTION: the password is fine, DB_PASSWORD={SECRET}",
    f"ssh web-1 'mysql --password={SECRET}'",
)


@pytest.fixture
def equipped(
    office: Office, webhook: Callable[..., Channel], bot: TelegramBot, receiver: Receiver, valkey_url: str
) -> Office:
    received(office.services.engine, incident_id="INC-1")
    channels = Channels(channels=(webhook("team"),), bot=bot)
    return with_redis(replace(office, services=replace(office.services, channels=channels)), valkey_url)


def performed(office: Office, action: str) -> Report:
    description = f"since DB_PASSWORD={SECRET} is wrong; it said:\npassword: |\n  {SECRET}"
    return office.perform(action, incident_id="INC-1", description=description)


def shown_in_tables(engine: Engine) -> dict[str, str]:
    """Everything that is on record, but for the columns that have to hold the text, and requests as they are sent."""
    found = {}
    with transaction(engine) as session:
        for table in session.execute(TABLES).scalars().all():
            rows = session.execute(text(f'SELECT row_to_json(t) FROM "{table}" t')).scalars().all()
            for row in rows:
                for column, value in row.items():
                    sent = column == "payload" and row.get("kind") == "intent"
                    if column not in HOLDING.get(table, ()) and not sent:
                        found[f"{table}.{column}"] = found.get(f"{table}.{column}", "") + json.dumps(value)
    return found


def leaks(engine: Engine) -> list[str]:
    return sorted(where for where, what in shown_in_tables(engine).items() if SECRET in what)


def shown_to_people(office: Office, report: Report) -> str:
    """What the run's page and the command line show."""
    console = Console(record=True, width=400)
    with transaction(office.services.engine) as session:
        execution_id = execution_id_of(report)
        page = render(report, follow_up_of(session, execution_id))
        rows = approval_rows(session)
        print_columns(console, list_lines(rows, now=datetime.now(UTC), wide=True))
        found = [row_json(row) for row in rows]
        found += [approval_facts(session, row.approval.id) for row in rows]
        for each in found[len(rows) :]:
            print_approval(console, each)
        return "\n".join([page, console.export_text(), json.dumps(found), report.model_dump_json()])


@pytest.mark.parametrize("action", ACTIONS)
def test_a_secret_in_an_action_is_shown_nowhere(
    equipped: Office, receiver: Receiver, caplog: pytest.LogCaptureFixture, action: str
) -> None:
    with caplog.at_level(logging.DEBUG, logger="countersign"):
        report = performed(equipped, action)
        follow(equipped, report)
    assert leaks(equipped.services.engine) == []
    assert SECRET not in shown_to_people(equipped, report)
    assert SECRET not in caplog.text
    assert SECRET not in "".join(str(request.body) for request in receiver.received(""))


@pytest.mark.parametrize("code", [422, 500])
def test_a_secret_in_what_the_cluster_answers_is_shown_nowhere(
    equipped: Office, receiver: Receiver, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    said = f'spec.env[0]: Invalid value: "DB_PASSWORD={SECRET}", {{"password":"{SECRET}"}}, Bearer {TOKEN}'
    equipped.cluster.faults.add(Fault(effect=Effect.ERROR, code=code, method="PATCH", count=9, message=said))
    with caplog.at_level(logging.DEBUG, logger="countersign"):
        report = performed(equipped, f"{SET_ENV} ANSWERED={code}")
        follow(equipped, report)
    assert not report.success
    assert leaks(equipped.services.engine) == []
    assert SECRET not in shown_to_people(equipped, report)
    assert SECRET not in caplog.text
