"""`countersign webhooks`: who is told of what happens, what was sent to them, and who asks by signed requests."""

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from sqlalchemy import Engine

from countersign.cli.console import screen
from countersign.cli.opened import open_records
from countersign.cli.options import By, acting, moment
from countersign.cli.output import Format, Output, Showing, say_data
from countersign.cli.rendering import print_columns, print_none
from countersign.cli.screen import say
from countersign.errors import InvalidInput, TookTooLong
from countersign.execution.plan_seal import Seal, read_seal
from countersign.records import webhook_sources
from countersign.records import webhooks as records
from countersign.records.database.engine import transaction
from countersign.records.database.identifiers import id_from_text
from countersign.records.states import WebhookResult
from countersign.records.tables import WebhookDelivery
from countersign.settings import load_settings
from countersign.texts import text
from countersign.webhooks import sources, subscriptions

commands = typer.Typer(name="webhooks", help="Who is told of what happens, by signed requests.", no_args_is_help=True)
sources_group = typer.Typer(name="sources", help="Systems that ask by signed requests.", no_args_is_help=True)
commands.add_typer(sources_group)

Id = Annotated[str, typer.Argument(help="The webhook's id, as the list shows it.", metavar="ID")]
TEST_SECONDS = 30.0
LOOK_SECONDS = 0.2


@commands.command()
def add(
    url: Annotated[str, typer.Argument(help="Where it is told: https://…", metavar="URL")],
    events: Annotated[
        list[str], typer.Option("--events", help="Pattern of events' names, e.g. 'approval.*'; repeat for several.")
    ],
    by: By = None,
) -> None:
    """Add a webhook and print its secret, this once."""
    engine, seal = _opened()
    with transaction(engine) as session:
        made = subscriptions.add(session, seal, url=url, events=events, by=acting(by))
    _show_secret(text("webhooks.added", id=made.id), made)


@commands.command("list", cls=Showing)
def list_(output: Output = Format.TEXT) -> None:
    """List webhooks, without their secrets."""
    with transaction(open_records()) as session:
        rows, size = records.webhooks(session), records.sealed_rows(session)
        last = records.last_results(session, [row.id for row in rows])
    if output.is_data:
        hidden = {"mac", "ended_at", "ended_by"}
        said = [{**row.model_dump(mode="json", exclude=hidden), "behind": size - row.position} for row in rows]
        say_data(said, output)
        return
    if not rows:
        print_none("webhooks")
        return
    head = ["id", "url", "events", "state", "last", "rows behind"]
    lines = []
    for row in rows:
        result, at = last.get(row.id, (None, None))
        state = "gone" if not row.enabled else "trying" if row.attempts else "good"
        told = text("webhooks.never") if result is None else f"{result} {at:%Y-%m-%d %H:%M:%S}"
        line = [str(row.id), row.url, " ".join(row.events), text(f"webhooks.{state}"), told, str(size - row.position)]
        if output.is_wide:
            line += [str(row.version), row.created_by, f"{row.created_at:%Y-%m-%d}", str(row.attempts)]
        lines.append(line)
    print_columns(screen(), [head + (["secret", "by", "since", "attempts"] if output.is_wide else []), *lines])


@commands.command(cls=Showing)
def deliveries(
    webhook: Id,
    result: Annotated[WebhookResult | None, typer.Option(help="Only those that ended so.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 30,
    output: Output = Format.TEXT,
) -> None:
    """List the attempts to tell a webhook, newest first."""
    webhook_id = id_from_text(webhook, field="ID")
    with transaction(open_records()) as session:
        records.get_webhook(session, webhook_id)
        rows = records.deliveries(session, webhook_id, result=result, limit=limit)
    if output.is_data:
        say_data([{"event": row.leaf, **row.model_dump(mode="json", exclude={"leaf"})} for row in rows], output)
        return
    if not rows:
        print_none("deliveries")
        return
    head = ("at", "event", "attempt", "result", "status", "error")
    print_columns(screen(), [head, *(_line(row) for row in rows)])


@commands.command()
def rotate(webhook: Id, by: By = None) -> None:
    """Give a webhook another secret and print it; the one before signs as well for 24 hours."""
    engine, seal = _opened()
    with transaction(engine) as session:
        made = subscriptions.rotate(session, seal, id_from_text(webhook, field="ID"), by=acting(by))
    _show_secret(text("webhooks.rotated", id=made.id), made)


@commands.command()
def enable(webhook: Id, by: By = None) -> None:
    """Tell a webhook of events again that had answered that it is gone."""
    engine, seal = _opened()
    with transaction(engine) as session:
        subscriptions.enable(session, seal, id_from_text(webhook, field="ID"), by=acting(by))
    say(text("webhooks.enabled"))


@commands.command()
def replay(
    webhook: Id,
    event: Annotated[int | None, typer.Option(help="The one event, as `deliveries` numbers it.", min=0)] = None,
    since: Annotated[
        str | None, typer.Option(help="Everything since then: 30m, 12h, 7d, or a time (RFC 3339).")
    ] = None,
    by: By = None,
) -> None:
    """Have one event, or everything since a time, sent again."""
    if (event is None) == (since is None):
        raise InvalidInput("--event or --since: give one of both")
    engine, seal = _opened()
    webhook_id, who = id_from_text(webhook, field="ID"), acting(by)
    with transaction(engine) as session:
        if event is not None:
            subscriptions.replay_event(session, seal, webhook_id, event, by=who)
            said = text("webhooks.replayed", event=event)
        else:
            when = moment(since or "", now=datetime.now(UTC), option="--since")
            place = subscriptions.replay_since(session, seal, webhook_id, when, by=who)
            said = text("webhooks.rewound", event=place)
    say(said)


@commands.command()
def test(webhook: Id, by: By = None) -> None:
    """Have a test sent, in its turn, and say what came of it."""
    engine, seal = _opened()
    webhook_id = id_from_text(webhook, field="ID")
    with transaction(engine) as session:
        row = subscriptions.test(session, seal, webhook_id, by=acting(by))
    print_columns(screen(), [_line(_waited_for(engine, webhook_id=webhook_id, row=row))])


@commands.command()
def remove(webhook: Id, by: By = None) -> None:
    """Tell a webhook of nothing any more, for good."""
    with transaction(open_records()) as session:
        subscriptions.remove(session, id_from_text(webhook, field="ID"), by=acting(by))
    say(text("webhooks.removed"))


@sources_group.command("new")
def new_source(
    subject: Annotated[str, typer.Argument(help="Whose requests they are, as the policy's roles call it.")],
    by: By = None,
) -> None:
    """Let a system ask by signed requests and print its secret, this once."""
    engine, seal = _opened()
    with transaction(engine) as session:
        made = sources.make_source(session, seal, subject=subject, by=acting(by))
    _show_secret(text("webhooks.source_made", id=made.id, subject=subject, path=f"/v1/inbound/{made.id}"), made)


@sources_group.command("list", cls=Showing)
def list_sources(output: Output = Format.TEXT) -> None:
    """List systems that ask by signed requests, newest first."""
    with transaction(open_records()) as session:
        rows = webhook_sources.sources(session)
    if output.is_data:
        say_data([row.model_dump(mode="json", exclude={"mac", "ended_at", "ended_by"}) for row in rows], output)
        return
    if not rows:
        print_none("webhook_sources")
        return
    lines = [(str(row.id), row.subject, row.created_by, f"{row.created_at:%Y-%m-%d}") for row in rows]
    print_columns(screen(), [("id", "subject", "by", "since"), *lines])


@sources_group.command("end")
def end_source(
    source: Annotated[str, typer.Argument(help="The source's id, as the list shows it.", metavar="ID")],
    by: By = None,
) -> None:
    """Let a system ask no more."""
    with transaction(open_records()) as session:
        row = sources.end_source(session, id_from_text(source, field="ID"), by=acting(by))
    say(text("webhooks.source_ended", subject=row.subject))


def _opened() -> tuple[Engine, Seal]:
    return open_records(), read_seal(load_settings().trust_dir)


def _show_secret(said: str, made: subscriptions.Made) -> None:
    """Print what is shown once: beside the sentence, so that a program can take it."""
    say(said, err=True)
    say(made.secret.get_secret_value())


def _line(row: WebhookDelivery) -> tuple[str, ...]:
    status = "" if row.http_status is None else str(row.http_status)
    return (f"{row.at:%Y-%m-%d %H:%M:%S}", str(row.leaf), str(row.attempt), row.result.value, status, row.error)


def _waited_for(engine: Engine, **asked: Any) -> WebhookDelivery:
    """Return what became of the row of the audit that is the test. Raises TookTooLong."""
    give_up = time.monotonic() + TEST_SECONDS
    while time.monotonic() < give_up:
        with transaction(engine) as session:
            leaf = records.place_of(session, asked["row"])
            rows = [] if leaf is None else records.deliveries(session, asked["webhook_id"], limit=20)
        for each in rows:
            if each.leaf == leaf:
                return each
        time.sleep(LOOK_SECONDS)
    raise TookTooLong(
        "The test has not had its turn yet.",
        hint="a worker sends it, behind what waits: see `countersign webhooks list` and `deliveries`",
    )
