"""`countersign break-glass`: two people lift limits for some minutes. Only the API knows who asks, so it is asked."""

from typing import Annotated, Any

import typer

from countersign.cli.console import screen
from countersign.cli.options import Reason, Yes
from countersign.cli.output import Format, Output, Showing, say_data
from countersign.cli.rendering import print_columns
from countersign.cli.screen import say
from countersign.cli.server import api_of
from countersign.client import Client
from countersign.errors import ConfigurationError, InvalidInput
from countersign.policy.break_glass_rule import Lift
from countersign.policy.risk import RiskLevel
from countersign.settings import load_settings
from countersign.texts import text

commands = typer.Typer(name="break-glass", help="Limits that two people lift for some minutes.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="Its id, or the last 8 characters of it.")]
SHORT = 8
PATH = "/break-glass"


@commands.command()
def begin(
    cluster: Annotated[str, typer.Option("--cluster", help='Where: a cluster\'s name, or "hosts".')],
    lift: Annotated[list[Lift], typer.Option("--lift", help="Which limit; repeat for several.")],
    minutes: Annotated[int, typer.Option("--minutes", help="For how long, from the confirmation on.", min=1)],
    reason: Reason,
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="In this one alone.")] = None,
    operation: Annotated[str | None, typer.Option("--operation", help="For this one alone.")] = None,
    up_to: Annotated[RiskLevel, typer.Option("--up-to", help="The highest risk.")] = RiskLevel.CRITICAL,
) -> None:
    """Begin one, and say how another person confirms it. Until then nothing is lifted."""
    asked = {
        "cluster": cluster,
        "namespace": namespace,
        "operation": operation,
        "up_to": up_to.value,
        "lifts": [each.value for each in lift],
        "minutes": minutes,
        "reason": reason,
    }
    with _api() as api:
        found = api.post(PATH, asked)
    _show(found)
    say(text("break_glass.confirm_with", id=found["id"], hash=found["hash"]))


@commands.command()
def confirm(
    which: Id,
    seen: Annotated[
        str | None, typer.Option("--seen", help="SHA-256 of what was seen; unless said, it is shown and asked about.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Confirm one as the other person: its limits are lifted from now on."""
    with _api() as api:
        found = _named(api, which)
        if seen is None:
            _show(found)
            if not yes:
                typer.confirm(text("break_glass.sure"), abort=True)
            seen = str(found["hash"])
        _show(api.post(f"{PATH}/{found['id']}/confirm", {"seen": seen}))


@commands.command()
def end(which: Id, reason: Reason) -> None:
    """End one: its limits hold again at once."""
    with _api() as api:
        _show(api.post(f"{PATH}/{_named(api, which)['id']}/end", {"reason": reason}))


@commands.command(cls=Showing)
def show(
    which: Annotated[str | None, typer.Argument(help="This one; else the newest ones.")] = None,
    output: Output = Format.TEXT,
) -> None:
    """Show what is lifted, by whom and for how long."""
    with _api() as api:
        found = [_named(api, which)] if which else list(api.get(PATH))
    if output.is_data:
        say_data(found[0] if which else found, output)
    elif which:
        _show(found[0])
    elif not found:
        say(text("break_glass.none"))
    else:
        rows = [("id", "standing", "where", "lifts", "begun by", "confirmed by", "until")]
        rows += [
            (
                str(each["id"])[-SHORT:],
                each["standing"],
                _place(each),
                " ".join(each["lifts"]),
                each["begun_by"],
                each["confirmed_by"] or "",
                each["ended_at"] or each["ends_at"] or each["confirm_until"],
            )
            for each in found
        ]
        print_columns(screen(), rows)


def _api() -> Client:
    """Return the API. Raises ConfigurationError where none is named: nobody else knows who asks."""
    server = api_of(load_settings())
    if server is None:
        raise ConfigurationError(
            "break-glass is two people's, and only the API knows who asks",
            hint="name it, and a token of your own: --server URL --token-file FILE "
            "(`countersign tokens new NAME --person`)",
        )
    return Client(server.url, server.token)


def _named(api: Client, which: str) -> dict[str, Any]:
    """Return the one that is named. Raises NotFound, InvalidInput."""
    if len(which) != SHORT:
        found: dict[str, Any] = api.get(f"{PATH}/{which}")
        return found
    ending = [each for each in api.get(PATH, limit=100) if each["id"].endswith(which.lower())]
    if len(ending) != 1:
        raise InvalidInput(f"{len(ending)} of the newest end in {which}", hint="give the whole id")
    named: dict[str, Any] = ending[0]
    return named


def _place(found: dict[str, Any]) -> str:
    return f"{found['cluster']}/{found['namespace'] or '*'}"


def _show(found: dict[str, Any]) -> None:
    rows = [
        ("id", str(found["id"])),
        ("standing", found["standing"]),
        ("where", _place(found)),
        ("lifts", " ".join(found["lifts"])),
        ("operations", found["operation"] or "*"),
        ("up to risk", found["up_to"]),
        ("minutes", str(found["minutes"])),
        ("reason", found["reason"]),
        ("begun by", found["begun_by"]),
        ("confirmed by", found["confirmed_by"] or ""),
        ("until", found["ends_at"] or found["confirm_until"]),
        ("ended", f"{found['ended_at']} {found['ended_by']}: {found['end_reason']}" if found["ended_at"] else ""),
        ("sha-256", found["hash"]),
    ]
    print_columns(screen(), [row for row in rows if row[1]])
