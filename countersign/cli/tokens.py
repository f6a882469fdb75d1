"""`countersign tokens` and `countersign login`: who gets in through the API and the pages."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import Engine

from countersign.cli.console import screen
from countersign.cli.opened import open_records
from countersign.cli.options import By, acting
from countersign.cli.output import Format, Output, Showing, say_data
from countersign.cli.rendering import print_columns, print_none
from countersign.cli.screen import say
from countersign.errors import ConfigurationError, InvalidInput
from countersign.execution.access import make_token, offer_login, revoke_token, shut_out
from countersign.execution.plan_seal import Seal, read_seal
from countersign.policy.access import Kind
from countersign.policy.roles import Role
from countersign.records.access import tokens_of
from countersign.records.database.engine import transaction
from countersign.settings import load_settings

commands = typer.Typer(name="tokens", help="Tokens with which programs ask the API.", no_args_is_help=True)

MOMENTS = ("created_at", "expires_at", "last_used_at", "revoked_at")


@commands.command()
def new(
    subject: Annotated[str, typer.Argument(help="Whose token it is, as the policy's roles call them.")],
    role: Annotated[
        list[Role] | None, typer.Option("--role", help="Use no more than this role of theirs; repeat for several.")
    ] = None,
    days: Annotated[float, typer.Option(help="How long it lasts.", min=0.01, max=366)] = 90,
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    person: Annotated[bool, typer.Option("--person", help="It is a person's, not a machine's.")] = False,
    by: By = None,
) -> None:
    """Make a token and print it, this once."""
    engine, seal = _opened()
    kind = Kind.PERSON if person else Kind.MACHINE
    with transaction(engine) as session:
        made = make_token(
            session,
            seal,
            subject=subject,
            kind=kind,
            roles=role or (),
            label=label,
            life=timedelta(days=days),
            by=acting(by),
        )
    say(f"Token {made.id} of {subject}, until {made.expires_at:%Y-%m-%d}. It is shown this once:", err=True)
    say(made.secret.get_secret_value())


@commands.command("list", cls=Showing)
def list_(
    subject: Annotated[str | None, typer.Argument(help="Only this one's.")] = None,
    output: Output = Format.TEXT,
) -> None:
    """List tokens, without what is shown for them."""
    with transaction(open_records()) as session:
        rows = tokens_of(session, subject)
    if output.is_data:
        said = ("id", "subject", "kind", "label", "roles", "created_by", *MOMENTS)
        say_data([{name: _data(getattr(row, name)) for name in said} for row in rows], output)
        return
    if not rows:
        print_none("tokens")
        return
    head = ("id", "subject", "kind", "roles", "expires", "last used", "state", "label")
    lines = [
        (
            str(row.id),
            row.subject,
            row.kind,
            " ".join(row.roles) or "all",
            f"{row.expires_at:%Y-%m-%d}",
            f"{row.last_used_at:%Y-%m-%d}" if row.last_used_at else "never",
            "revoked" if row.revoked_at else "good",
            row.label,
        )
        for row in rows
    ]
    print_columns(screen(), [head, *lines])


@commands.command()
def revoke(
    token: Annotated[str, typer.Argument(help="The token's id, as the list shows it.")], by: By = None
) -> None:
    """Revoke a token: it lets nobody in from now on."""
    try:
        token_id = UUID(token)
    except ValueError:
        raise InvalidInput(
            "token: not an id", hint="`countersign tokens list` shows them; never the token itself"
        ) from None
    with transaction(open_records()) as session:
        row = revoke_token(session, token_id, by=acting(by))
    say(f"Token {row.id} of {row.subject} is revoked.")


@commands.command("shut-out")
def shut_out_(
    subject: Annotated[str, typer.Argument(help="Who is to get in no more, as the policy's roles call them.")],
    by: By = None,
) -> None:
    """End all tokens and sessions of somebody, and every token and link that they have made for others.

    Roles and signing keys are the policy's: take them out there, too.
    """
    with transaction(open_records()) as session:
        ended = shut_out(session, subject, by=acting(by))
    say(f"{subject} is shut out. Tokens revoked: {ended.tokens}, sessions ended: {ended.sessions}.")
    say("The policy still names them where it did: `countersign policy show`", err=True)


def login(
    subject: Annotated[str | None, typer.Argument(help="Who logs in; the login name unless said.")] = None,
) -> None:
    """Print a link that logs one person in to the pages, once, within ten minutes."""
    address = load_settings().url
    if address is None:
        raise ConfigurationError(
            "COUNTERSIGN_URL is not set: the address of the pages is not known",
            hint="`countersign up` serves them, or set it to theirs",
        )
    engine, seal = _opened()
    who = acting(None)
    with transaction(engine) as session:
        made = offer_login(session, seal, subject=subject or who, by=who)
    say(f"This logs {subject or who} in, once, until {made.expires_at:%H:%M:%S} UTC:", err=True)
    say(f"{address}/login?code={made.secret.get_secret_value()}")


def _data(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if value is None or isinstance(value, list) else str(value)


def _opened() -> tuple[Engine, Seal]:
    return open_records(), read_seal(load_settings().trust_dir)
