"""`countersign incidents`: open them from alerts, look at them, resolve them, finish what ran before they existed."""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from countersign.aftermath.incidents.alertmanager import read_alerts
from countersign.aftermath.incidents.alerts import Became, receive
from countersign.aftermath.incidents.disposition import counts_of, rebuild_counters
from countersign.aftermath.incidents.working_memory import change as change_incident
from countersign.aftermath.incidents.working_memory import document_of, remember, working_memory
from countersign.cli.console import screen
from countersign.cli.opened import approval_named, open_for_commands, open_records
from countersign.cli.options import By, Reason, acting
from countersign.cli.output import Format, Output, Showing, say_data
from countersign.cli.questions.choice import questions
from countersign.cli.rendering import print_columns, print_none
from countersign.cli.screen import say
from countersign.errors import InvalidInput
from countersign.escaping import visible
from countersign.execution.services import Services
from countersign.execution.wording import age
from countersign.memory.connection import open_memory
from countersign.memory.counters import Counters
from countersign.records.database.engine import transaction
from countersign.records.dispositions import anomalies
from countersign.records.incidents import get_incident, move_incident, resolve_incident
from countersign.records.states import IncidentStatus
from countersign.records.tables import Incident
from countersign.settings import load_settings
from countersign.texts import text

commands = typer.Typer(name="incidents", help="What actions are meant to fix.", no_args_is_help=True)
INCIDENT = typer.Argument(help="The incident's id.", metavar="INCIDENT")
APPROVAL = typer.Argument(help="The auto-approved approval's id, or its last 8 characters.", metavar="APPROVAL")
SHOWN = (
    "id", "title", "status", "alert_category", "affected_services", "unlisted_alerts", "execution_success",
    "effectiveness_score", "learning_notes", "closing_note", "created_at", "updated_at", "reopened_at", "resolved_at",
)  # fmt: skip


@commands.callback()
def group() -> None:
    """What actions are meant to fix."""


@commands.command("open", cls=Showing)
def open_(
    source: Annotated[str, typer.Option("--from", help="File with the alerts (JSON), or - for standard input.")],
    incident: Annotated[
        str | None, typer.Option("--incident", help="The incident's id; made where there is none.")
    ] = None,
    output: Output = Format.TEXT,
) -> None:
    """Open, refresh or resolve the incident of alerts, in any form that Alertmanager gives them."""
    notification = read_alerts(_read(source))
    engine = open_records()
    with transaction(engine) as session:
        received = receive(session, notification, now=datetime.now(UTC), incident_id=incident)
    if received.incident is not None:
        remember(working_memory(load_settings()), received.incident)
    name = received.incident.id if received.incident is not None else None
    if output.is_data:
        say_data({"incident": name, "became": received.became.value}, output)
    else:
        said = text(f"incident.{received.became}")
        say(said if received.became is Became.IGNORED else f"{name}  {said}")


@commands.command("list", cls=Showing)
def list_(
    status: Annotated[IncidentStatus | None, typer.Option(help="Only those with this status.")] = None,
    unresolved: Annotated[bool, typer.Option("--open", help="Only those that are not resolved.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    output: Output = Format.TEXT,
) -> None:
    """List incidents, newest first."""
    rows = questions().known.incidents(status=status, unresolved=unresolved, limit=limit)
    if output.is_data:
        say_data([document_of(row) for row in rows], output)
        return
    if not rows:
        print_none("incidents")
        return
    print_columns(
        screen(),
        [_line(row, output) for row in rows],
    )


@commands.command(cls=Showing)
def show(incident: Annotated[str, INCIDENT], output: Output = Format.TEXT) -> None:
    """Show an incident with its timeline, repairs and related cases."""
    found = questions().known.incident(incident)
    if output.is_data:
        say_data(found, output)
    else:
        _print(screen(), found)


@commands.command()
def resolve(
    incident: Annotated[str, INCIDENT],
    reason: Reason = "",
    by: By = None,
) -> None:
    """Resolve an incident by hand. A resolved one stays as it is."""
    who = acting(by)
    said = reason.strip() or text("resolve.by_hand")
    first = change_incident(
        open_records(),
        working_memory(load_settings()),
        incident,
        lambda session: resolve_incident(session, incident, note=said, actor=who),
    )
    say(text("resolve.resolved" if first else "resolve.already", incident=incident))


@commands.command()
def move(
    incident: Annotated[str, INCIDENT],
    status: Annotated[IncidentStatus, typer.Argument(help="open, investigating or mitigating.")],
    by: By = None,
) -> None:
    """Say where an unresolved incident stands."""
    who = acting(by)
    change_incident(
        open_records(),
        working_memory(load_settings()),
        incident,
        lambda session: move_incident(session, incident, status, actor=who),
    )
    say(f"{incident} {text(f'incident.{status}')}")


@commands.command()
def link(
    approval: Annotated[str, APPROVAL],
    incident: Annotated[str, INCIDENT],
) -> None:
    """Link an auto-approved action that ran before its incident existed, and add what the incident is missing."""
    services = open_for_commands()
    with transaction(services.engine) as session:
        get_incident(session, incident)
    _finalise(services, approval, incident)


@commands.command()
def finalize(
    approval: Annotated[str, APPROVAL],
) -> None:
    """Add what the incident of an auto-approved action is missing; executes nothing, and repeats nothing."""
    _finalise(open_for_commands(), approval, None)


@commands.command(cls=Showing)
def dispositions(
    anomaly: Annotated[str | None, typer.Argument(help="One anomaly's key; all of them unless given.")] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make the counters in Redis again first.")] = False,
    output: Output = Format.TEXT,
) -> None:
    """Show how anomalies were disposed of: approved by people or by themselves, and what came of it."""
    engine, url = open_records(), load_settings().redis_url
    counters = Counters(open_memory(url)) if url is not None or rebuild else None
    if rebuild and counters is not None:
        rebuild_counters(engine, counters)
    with transaction(engine) as session:
        keys = [anomaly] if anomaly is not None else list(anomalies(session))
    found = {key: dict(counts_of(engine, counters, key)) for key in keys}
    if output.is_data:
        say_data(found, output)
        return
    if not any(found.values()):
        print_none("dispositions")
        return
    console = screen()
    for key, counts in found.items():
        told = ", ".join(f"{_counted(name)} {count}" for name, count in sorted(counts.items()))
        console.print(f"{key}  {told}", markup=False, soft_wrap=True)


def _line(row: Incident, output: Format) -> tuple[str, ...]:
    more: tuple[str, ...] = ()
    if output.is_wide:
        more = (row.alert_category or "", age((datetime.now(UTC) - row.created_at).total_seconds()))
    return (row.id, text(f"incident_status.{row.status}"), *more, ", ".join(row.affected_services), row.title)


def _read(source: str) -> Any:
    try:
        written = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
        return json.loads(written)
    except OSError as error:
        raise InvalidInput(f"--from: {source} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"--from: {source} is not JSON: {error}") from None


def _counted(name: str) -> str:
    """Return the words for a counter: a kind, or a kind and an outcome."""
    kind, _, outcome = name.partition(":")
    return text(f"disposition.{kind}") + (f" ({text(f'outcome.{outcome}')})" if outcome else "")


def _finalise(services: Services, approval: str, incident: str | None) -> None:
    # Importing every step takes longer than most commands.
    from countersign.aftermath.finalisation import finalise  # noqa: PLC0415

    with transaction(services.engine) as session:
        named = approval_named(session, approval)
    done = finalise(services, named, incident_id=incident, linked_by=acting(None))
    say(f"{text(f'finalising.{done.result}')}: {done.summary}")


def _print(console: Console, document: Mapping[str, Any]) -> None:
    facts = Table(box=None, show_header=False)
    for name in SHOWN:
        value = document[name]
        if value not in (None, "", []) and not (name == "unlisted_alerts" and value == 0):
            shown = ", ".join(value) if isinstance(value, list) else str(value)
            shown = text(f"incident_status.{value}") if name == "status" else shown
            facts.add_row(name.replace("_", " "), escape(visible(shown)))
    for name, value in document["signals"].items():
        facts.add_row("label", escape(visible(f"{name}={value}")))
    console.print(facts)
    for one in document["timeline"]:
        line = ": ".join(filter(None, (one["title"], one["description"])))
        status = text(f"event_status.{one['status']}")
        console.print(f"{one['at'][:19]}  {status}  {line}", markup=False, soft_wrap=True)
    for one in document["repairs"]:
        status = text(f"repair_status.{one['status']}")
        console.print(f"{status}: {one['step'] or one['execution_id']}", markup=False, soft_wrap=True)
    for one in document["related"]:
        console.print(f"{one['id']}  {one['title']}", markup=False, soft_wrap=True)
