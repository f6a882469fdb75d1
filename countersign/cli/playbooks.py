"""`countersign playbooks`: look at them, review them as files, approve, deprecate, restore, render."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlmodel import Session

from countersign.actions.rendering import render as render_actions
from countersign.aftermath.learning import playbook_decisions
from countersign.aftermath.learning.content import said_by
from countersign.aftermath.learning.playbook_document import read_playbooks, write_playbooks
from countersign.aftermath.learning.playbook_import import import_playbooks
from countersign.aftermath.learning.subjects import playbook_subject
from countersign.aftermath.learning.trust import Trust, first_period, read_trust
from countersign.cli.console import screen
from countersign.cli.opened import open_records
from countersign.cli.options import By, Reason, acting
from countersign.cli.output import Format, Output, Showing, say_data
from countersign.cli.playbook_showing import print_list, print_playbook, trust_facts, trust_words
from countersign.cli.questions.choice import questions
from countersign.cli.rendering import print_none
from countersign.cli.screen import say
from countersign.errors import InvalidInput
from countersign.private_files import write_private
from countersign.records.database.engine import transaction
from countersign.records.playbooks import get_playbook, list_playbooks
from countersign.records.states import PlaybookStatus
from countersign.records.trust import observed_subjects
from countersign.settings import load_settings

commands = typer.Typer(
    name="playbooks", help="Repairs that worked, and how far they are trusted.", no_args_is_help=True
)
console = screen()

Name = Annotated[str, typer.Argument(help="The playbook's name or id.", metavar="NAME")]


@commands.command("list", cls=Showing)
def list_(
    status: Annotated[PlaybookStatus | None, typer.Option(help="Only those in this status.")] = None,
    alert: Annotated[str | None, typer.Option(help="Only those for this alertname.")] = None,
    output: Output = Format.TEXT,
) -> None:
    """List playbooks with the trust in the steps that they have in use."""
    rows = questions().known.playbooks(status=status, alert=alert)
    if output.is_data:
        say_data(rows, output)
        return
    if not rows:
        print_none("playbooks")
        return
    print_list(console, rows, wide=output.is_wide)


@commands.command(cls=Showing)
def show(name: Name, output: Output = Format.TEXT) -> None:
    """Show a playbook: what it says, the trust in it, its versions and who changed what."""
    found = questions().known.playbook(name)
    if output.is_data:
        say_data(found.facts, output, indent=2)
    else:
        print_playbook(console, found)


@commands.command()
def export(
    names: Annotated[list[str] | None, typer.Argument(help="Which; all unless said.", metavar="[NAME]...")] = None,
    to: Annotated[Path | None, typer.Option(help="Folder for a file of each, NAME.yaml; else printed.")] = None,
) -> None:
    """Write playbooks as YAML for review: stable order, no ids, no times."""
    with transaction(open_records()) as session:
        found = [get_playbook(session, name) for name in names] if names else list(list_playbooks(session))
    if not found:
        print_none("playbooks")
    if to is None:
        say(write_playbooks(found), nl=False)
        return
    try:
        to.mkdir(parents=True, exist_ok=True)
        for playbook in found:
            write_private(to / f"{playbook.name}.yaml", write_playbooks([playbook]))
    except OSError as error:
        raise InvalidInput(f"--to: {to} cannot be written: {error.strerror}", hint="name a folder of yours") from None
    _line(f"{len(found)} written to {to}")


@commands.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="Files, or folders of .yaml files; - is standard input.")],
    by: By = None,
) -> None:
    """Make the records say what the files say; all of it or nothing. A second time changes nothing."""
    written = [one for path in _files(files) for one in read_playbooks(_read(path), source=str(path))]
    names = [one.name for one in written]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInput(f"name: {twice[0]!r} is in several files", hint="give each playbook its own name")
    with transaction(open_records()) as session:
        done = import_playbooks(session, written, by=acting(by))
    for one in done:
        still = f"; left to people: {one.people_only}" if one.people_only else ""
        _line(f"{one.came.value:9}  {one.name} (version {one.version}){still}")


@commands.command()
def approve(
    name: Name,
    version: Annotated[int | None, typer.Option(help="Use this version from now on.", min=1)] = None,
    reason: Reason = "",
    by: By = None,
) -> None:
    """Approve a playbook, or another version of it."""
    with transaction(open_records()) as session:
        now = playbook_decisions.approve(session, name, version=version, by=acting(by), reason=reason).playbook
    still = f"; it is left to people: {now.people_only_reason}" if now.people_only_reason else ""
    _line(f"{now.name} is approved, version {now.version}{still}")


@commands.command()
def deprecate(name: Name, reason: Reason, by: By = None) -> None:
    """Take a playbook out of use; what it said and showed stays on record."""
    with transaction(open_records()) as session:
        playbook = playbook_decisions.deprecate(session, name, by=acting(by), reason=reason).playbook
    _line(f"{playbook.name} is deprecated")


@commands.command()
def restore(name: Name, reason: Reason, by: By = None) -> None:
    """Give a playbook that was left to people back to the auto-approver."""
    with transaction(open_records()) as session:
        decided = playbook_decisions.restore(session, name, by=acting(by), reason=reason)
    said = "is given back" if decided.changed else "was not left to people; nothing is changed"
    _line(f"{decided.playbook.name} {said}")


@commands.command()
def render(
    name: Name,
    values: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE, once for each variable.")] = None,
) -> None:
    """Print the actions that a playbook becomes with these variables, ready to be filed."""
    variables: dict[str, str] = {}
    for given in values or []:
        key, sign, value = given.partition("=")
        if not sign or not key or key in variables:
            raise InvalidInput(f"--set: {given[:80]!r} is not one NAME=VALUE", hint="for example --set name=api")
        variables[key] = value
    with transaction(open_records()) as session:
        playbook = get_playbook(session, name)
    for action in render_actions(said_by(playbook.symptom, playbook.steps).actions, variables):
        say(action)


@commands.command(cls=Showing)
def trust(output: Output = Format.TEXT) -> None:
    """Show the trust in every playbook and every kind of repair that was observed."""
    half_life, now = load_settings().trust_half_life_seconds, datetime.now(UTC)
    with transaction(open_records()) as session:
        first = first_period(now, half_life)
        found = _trust(session, observed_subjects(session, half_life_seconds=half_life, first=first))
        names = {playbook_subject(one.id): f"playbook:{one.name}" for one in list_playbooks(session)}
    if output.is_data:
        say_data([{"subject": names.get(one, one), **trust_facts(found[one])} for one in found], output)
        return
    if not found:
        print_none("trust")
    for subject, known in found.items():
        _line(f"{names.get(subject, subject)}: {trust_words(trust_facts(known))}")


def _trust(session: Session, subjects: Sequence[str]) -> dict[str, Trust]:
    half_life = load_settings().trust_half_life_seconds
    return read_trust(session, subjects, now=datetime.now(UTC), half_life_seconds=half_life)


def _files(given: Sequence[Path]) -> list[Path]:
    return [path for one in given for path in (sorted(one.glob("*.yaml")) if one.is_dir() else [one])]


def _read(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidInput(
            f"{path} cannot be read: {reason}", hint="name files that `playbooks export` wrote"
        ) from None


def _line(text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)
