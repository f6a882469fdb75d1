"""`countersign approvals file`: what is asked for, and what it means."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from countersign.cli.console import screen
from countersign.cli.options import By
from countersign.cli.output import Format, Output, say_data
from countersign.cli.questions.choice import questions
from countersign.cli.rendering import print_reading
from countersign.cli.screen import say
from countersign.execution.filing import Request
from countersign.records.states import RiskLevel, Start, WhenBlocked
from countersign.texts import text


def file(
    action: Annotated[str, typer.Argument(help="The action, one line, e.g. 'kubectl rollout restart deploy/api'.")],
    by: By = None,
    description: Annotated[str, typer.Option(help="Why it should be done.")] = "",
    risk: Annotated[RiskLevel, typer.Option(help="How much harm it could do.")] = RiskLevel.MEDIUM,
    signatures: Annotated[int, typer.Option(help="Signatures needed; the policy may ask for more.")] = 1,
    expires_in: Annotated[float | None, typer.Option(help="Minutes until the request expires.", min=0.1)] = None,
    not_before: Annotated[
        datetime | None, typer.Option(help="Start it no earlier, RFC 3339.", formats=["%Y-%m-%dT%H:%M:%S%z"])
    ] = None,
    by_hand: Annotated[
        bool,
        typer.Option("--by-hand", help="Nothing starts it but `approvals run`; else a worker does, once signed."),
    ] = False,
    wait_for_window: Annotated[
        bool, typer.Option("--wait-for-window", help="A freeze, a limit or a held target lets it wait, not end.")
    ] = False,
    incident: Annotated[str | None, typer.Option(help="The incident it is for.")] = None,
    playbook: Annotated[str | None, typer.Option(help="The playbook it comes from.")] = None,
    cluster: Annotated[
        str | None, typer.Option(help="The cluster it is for; the action's --context, else the default one.")
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same key files one request, however often it is sent.")
    ] = None,
    as_is: Annotated[bool, typer.Option("--as-is", help="File it although it cannot be read.")] = False,
    output: Output = Format.TEXT,
) -> None:
    """File a request to perform ACTION and print its id; say what the action means.

    A selector (-l) is resolved to names now, by asking the cluster; the names are what is signed.
    """
    asked = questions().approvals
    request = Request(
        action=action,
        requested_by=asked.who(by),
        filed_by=asked.who(None),
        description=description,
        risk_level=risk.value,
        required_signatures=signatures,
        incident_id=incident,
        matched_playbook_id=playbook,
        expires_at=None if expires_in is None else datetime.now(UTC) + timedelta(minutes=expires_in),
        not_before=not_before,
        start=(Start.BY_HAND if by_hand else Start.WHEN_APPROVED).value,
        when_blocked=(WhenBlocked.WAIT if wait_for_window else WhenBlocked.END).value,
        idempotency_key=idempotency_key,
        cluster=cluster,
    )
    filed = asked.file(request, as_is=as_is)
    if output.is_data:
        say_data({"id": str(filed.id), **filed.reading}, output)
        return
    say(filed.id)
    errors = screen(stderr=True)
    print_reading(errors, filed.reading)
    if filed.selector is not None:
        said = text("hint.selected", selector=filed.selector, count=len(filed.selected))
        errors.print(said, style="yellow", markup=False)
    if filed.reading["reading"] == "refused":
        errors.print(text("hint.unparsable"), style="yellow", markup=False)
