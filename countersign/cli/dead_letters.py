"""`countersign dead-letters`: the steps that have used up their attempts; look at them and have them tried again."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from countersign.cli.console import screen
from countersign.cli.opened import open_records
from countersign.cli.output import Format, Output, Showing, say_data
from countersign.cli.rendering import print_columns, print_facts, print_none
from countersign.cli.screen import say
from countersign.errors import InvalidInput, NotFound
from countersign.execution.wording import age
from countersign.records.database.engine import transaction
from countersign.records.database.identifiers import id_from_text
from countersign.records.dead_letters import open_letters, replay_letters
from countersign.records.states import StepName
from countersign.records.tables import DeadLetter
from countersign.texts import text

commands = typer.Typer(name="dead-letters", help="Steps that have used up their attempts.", no_args_is_help=True)
AT_A_TIME = 1_000
KIND = typer.Option(help="Only this kind of step.")


@commands.callback()
def group() -> None:
    """Steps that have used up their attempts."""


@commands.command("list", cls=Showing)
def list_(
    kind: Annotated[StepName | None, KIND] = None,
    output: Output = Format.TEXT,
) -> None:
    """List the letters that are not resolved, oldest first."""
    with transaction(open_records()) as session:
        letters = open_letters(session, name=kind, limit=AT_A_TIME)
    if output.is_data:
        say_data([_json(letter) for letter in letters], output)
    elif not letters:
        print_none("letters")
    else:
        print_columns(screen(), [_line(letter, output) for letter in letters])


@commands.command(cls=Showing)
def show(
    letter: Annotated[str, typer.Argument(help="The letter's id.", metavar="LETTER")], output: Output = Format.TEXT
) -> None:
    """Show a letter with all that is known of it."""
    with transaction(open_records()) as session:
        found = session.get(DeadLetter, id_from_text(letter, field="LETTER"))
    if found is None:
        raise NotFound(f"dead letter {letter} does not exist", hint="`countersign dead-letters list` shows them")
    if output.is_data:
        say_data(_json(found), output, indent=2)
    else:
        print_facts(screen(), {**_json(found), "name": text(f"step_name.{found.name}")})


@commands.command()
def replay(
    letter: Annotated[str | None, typer.Argument(help="The letter's id.", metavar="[LETTER]")] = None,
    kind: Annotated[StepName | None, KIND] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every letter.")] = False,
) -> None:
    """Let steps begin again with all their attempts: one, those of a kind, or all. Reconciliation runs them."""
    if (letter is not None) + (kind is not None) + everything != 1:
        raise InvalidInput("say which: a letter's id, --kind or --all", hint="`countersign dead-letters list`")
    with transaction(open_records()) as session:
        if letter is not None:
            ids = [id_from_text(letter, field="LETTER")]
        else:
            ids = [one.id for one in open_letters(session, name=kind, limit=AT_A_TIME)]
        replayed = replay_letters(session, ids)
    if not replayed and letter is None:
        print_none("letters")
    for execution_id, name in replayed:
        say(f"{execution_id}  {text(f'step_name.{name}')}")


def _line(letter: DeadLetter, output: Format) -> tuple[str, ...]:
    more = (str(letter.execution_id), str(letter.replays), _time(letter.next_replay_at)) if output.is_wide else ()
    old = age((datetime.now(UTC) - letter.created_at).total_seconds())
    return (str(letter.id), text(f"step_name.{letter.name}"), old, *more, " ".join(letter.error.split()))


def _time(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at is not None else ""


def _json(letter: DeadLetter) -> dict[str, Any]:
    return letter.model_dump(mode="json")
