"""`countersign knowledge`: search the cases that executions made, read one, write one."""

import sys
from typing import Annotated

import typer
from rich.markdown import Markdown

from countersign.cli.console import screen
from countersign.cli.opened import open_records
from countersign.cli.options import By, acting
from countersign.cli.output import Format, Output, Showing, say_data
from countersign.cli.questions.choice import questions
from countersign.cli.rendering import print_none
from countersign.cli.screen import say
from countersign.escaping import visible
from countersign.records.database.engine import transaction
from countersign.records.database.identifiers import id_from_text
from countersign.records.knowledge import Case, Only, deposit, get_entry
from countersign.texts import catalogue, text

commands = typer.Typer(name="knowledge", help="Cases that can be searched for.", no_args_is_help=True)


@commands.callback()
def group() -> None:
    """Cases that can be searched for."""


@commands.command(cls=Showing)
def search(
    query: Annotated[str, typer.Argument(help='Words, "a phrase", OR, -without; parts of words; Chinese.')] = "",
    tag: Annotated[list[str] | None, typer.Option(help="Only entries with this tag; may be repeated.")] = None,
    entry_type: Annotated[str | None, typer.Option("--type", help="Only these: case or note.")] = None,
    category: Annotated[str | None, typer.Option(help="Only entries of this category of alerts.")] = None,
    source: Annotated[str | None, typer.Option(help="Only what comes from there: execution or person.")] = None,
    author: Annotated[str | None, typer.Option(help="Only what this person or program asked for or wrote.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 10,
    output: Output = Format.TEXT,
) -> None:
    """Find cases, the best first; the newest where nothing is asked for."""
    only = Only(tags=tag or (), entry_type=entry_type, category=category, source=source, author=author)
    found = questions().known.cases(query, only=only, limit=limit)
    if output.is_data:
        rows = [
            {
                "id": str(one.id),
                "title": one.title,
                "tags": list(one.tags),
                "entry_type": one.entry_type,
                "category": one.category,
                "source": one.source,
                "author": one.author,
                "incident_id": one.incident_id,
                "created_at": one.created_at.isoformat(),
                "rank": round(one.rank, 4),
                "excerpt": one.excerpt,
            }
            for one in found
        ]
        say_data(rows, output)
        return
    if not found:
        print_none("knowledge")
    console = screen()
    for one in found:
        console.print(f"{one.id}  {one.title}", markup=False, soft_wrap=True)
        if output.is_wide:
            facts = (one.entry_type, one.category, one.author, f"{one.created_at:%Y-%m-%d %H:%M} UTC")
            console.print(f"    {', '.join(filter(None, facts))}", markup=False, soft_wrap=True)
        console.print(f"    {' '.join(one.excerpt.split())}", markup=False, soft_wrap=True)


@commands.command(cls=Showing)
def show(
    entry: Annotated[str, typer.Argument(help="The entry's id.", metavar="ENTRY")],
    output: Output = Format.TEXT,
) -> None:
    """Show a case."""
    with transaction(open_records()) as session:
        found = get_entry(session, id_from_text(entry, field="ENTRY"))
    if output.is_data:
        say_data(found.model_dump(mode="json", exclude={"search"}), output)
        return
    console = screen()
    console.print(found.title, markup=False, soft_wrap=True)
    console.print(
        f"{', '.join(found.tags)}  ({_path(found.path_type)}, {found.created_at:%Y-%m-%d %H:%M} UTC)", markup=False
    )
    if found.author:
        console.print(text("knowledge.author", author=found.author), markup=False, soft_wrap=True)
    console.print(Markdown(visible(found.body, lines=True), hyperlinks=False))


@commands.command()
def add(
    title: Annotated[str, typer.Argument(help="What the case is about.")],
    body: Annotated[str, typer.Option(help="Markdown, or - to read it from standard input.")] = "-",
    tag: Annotated[list[str] | None, typer.Option(help="May be repeated.")] = None,
    incident: Annotated[str | None, typer.Option(help="The incident that it is about.")] = None,
    category: Annotated[str, typer.Option(help="The category of alerts that it is about.")] = "",
    by: By = None,
) -> None:
    """Write a case."""
    written = sys.stdin.read() if body == "-" else body
    case = Case(
        title=title,
        body=written,
        path_type="note",
        tags=tag or (),
        incident_id=incident,
        category=category,
        author=acting(by),
    )
    with transaction(open_records()) as session:
        say(deposit(session, case))


def _path(path_type: str) -> str:
    return text(f"path.{path_type}") if f"path.{path_type}" in catalogue("en") else path_type
