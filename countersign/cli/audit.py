"""`countersign audit`: verify the trail, seal it, show it, and prove it elsewhere."""

import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Row as Record

from countersign.audit.exporting import proof_of, verifier_program
from countersign.audit.heads import (
    NEXT_FILE,
    head_path,
    read_head,
    read_note,
    sealer_of,
    sealer_of_head,
    with_predecessors,
)
from countersign.audit.notes import Verifier, open_checkpoint, read_verifier
from countersign.audit.rotating import prepare as prepare_key
from countersign.audit.rotating import rotate
from countersign.audit.sealing import Sealed, Sealing
from countersign.audit.verifying import tell_found
from countersign.audit.verifying import verify as verify_all
from countersign.cli.exit_codes import FAILED
from countersign.cli.opened import open_records
from countersign.cli.options import By, acting
from countersign.cli.output import Format, Output, Showing, say_data
from countersign.cli.rendering import print_none
from countersign.cli.screen import say
from countersign.errors import InvalidInput, NotFound
from countersign.private_files import write_private
from countersign.records.audit_events import Event
from countersign.records.audit_tree import beginning_with, chain_rows, newest_rows, waiting_rows
from countersign.records.database.engine import transaction
from countersign.settings import Settings, load_settings
from countersign.texts import text

commands = typer.Typer(name="audit", help="The trail that shows when it was tampered with.", no_args_is_help=True)

SECONDS_BETWEEN_ROUNDS = 1.0

SinceHead = Annotated[
    Path | None, typer.Option("--since-head", help="A head that was kept elsewhere; else the saved one.")
]
Key = Annotated[str | None, typer.Option("--key", help="The sealing key's public half, as `audit head` prints it.")]


@commands.command(cls=Showing)
def verify(since_head: SinceHead = None, key: Key = None, output: Output = Format.TEXT) -> None:
    """Check every row, the tree and its signed heads, and compare the records with them.

    Exit code 1 where something was changed, removed, reordered, cut off or never told.
    """
    settings = load_settings()
    verifier = _verifier(key)
    path = since_head or head_path(settings)
    if since_head is not None and not since_head.exists():
        raise InvalidInput(f"--since-head: {since_head} does not exist")
    engine = open_records()
    with transaction(engine) as session:
        verifier = with_predecessors(session, verifier)
    saved = read_head(path, verifier)
    found = verify_all(engine, verifier=verifier, saved=saved)
    if not found.holds:
        tell_found(engine, found, by=acting(None))
    counts: dict[str, object] = {"rows": found.rows, "chains": found.chains, "heads": found.heads}
    if output.is_data:
        told = [{"kind": one.kind.value, "what": one.sentence} for one in found.findings]
        counts |= {"sealed": found.size, "waiting": found.waiting, "untold": found.untold}
        say_data({**counts, "holds": found.holds, "findings": told}, output)
    else:
        for one in found.findings:
            say(f"{text(f'audit.{one.kind}')}: {_plain(one.sentence)}")
        if found.untold:
            say(text("audit.more", count=found.untold))
        verdict = "audit.verified" if found.holds else "audit.does_not_hold"
        say(text(verdict, language=None, sealed=found.size, waiting=found.waiting, **counts))
        if saved is None:
            say(text("audit.no_head"))
    if not found.holds:
        raise typer.Exit(FAILED)


@commands.command()
def seal(
    follow: Annotated[bool, typer.Option("--follow", help="Go on, once a second, until stopped.")] = False,
) -> None:
    """Take what is committed into the tree and sign its head. The worker does this by itself."""
    settings = load_settings()
    sealing = _sealing(settings)
    while True:
        done = sealing.round()
        if not follow:
            say(_done(done))
            return
        time.sleep(SECONDS_BETWEEN_ROUNDS)


@commands.command()
def resume(
    reason: Annotated[str, typer.Option(help="Which copy was restored, and why; kept on record.")], by: By = None
) -> None:
    """Go on sealing after an older copy of the database was restored. The saved head is kept beside the new one."""
    settings = load_settings()
    if not reason.strip():
        raise InvalidInput("--reason: must not be empty")
    sealing = _sealing(settings)
    kept = sealing.resume(by=acting(by), reason=reason)
    if kept is not None:
        say(text("audit.kept_head", path=kept))
    say(_done(sealing.round()))


@commands.command("rotate-key")
def rotate_key(
    reason: Annotated[str, typer.Option(help="Why; kept on record.")] = "",
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Make the new key beside the old one, and change nothing yet.")
    ] = False,
    by: By = None,
) -> None:
    """Have a new key sign the audit's heads from here on. What the old one signed still verifies."""
    settings = load_settings()
    if prepare:
        say(text("audit.prepared", public=prepare_key(settings).verifier, file=NEXT_FILE))
        return
    if not reason.strip():
        raise InvalidInput("--reason: must not be empty")
    public = rotate(open_records(), settings, by=acting(by), reason=reason)
    say(text("audit.rotated", public=public))


@commands.command()
def head() -> None:
    """Print the newest head and the key that checks it. Keep both elsewhere."""
    settings = load_settings()
    sealer = sealer_of(settings)
    path = head_path(settings)
    note = read_note(path)
    if note is None:
        raise NotFound("nothing is sealed yet", hint="run `countersign audit seal`")
    open_checkpoint(note, sealer.verifier)
    say(note, nl=False)
    with transaction(open_records()) as session:
        rows, seconds = waiting_rows(session)
    say("\n" + text("audit.head_facts", public=sealer.verifier, path=path, rows=rows, seconds=round(seconds)))


@commands.command()
def export(
    chain: Annotated[str, typer.Argument(help="An approval's id, or a subject such as control.", metavar="ID")],
    to: Annotated[Path | None, typer.Option(help="Folder; audit-ID unless said.")] = None,
    since_head: SinceHead = None,
) -> None:
    """Write a proof of one approval's rows, and the program that checks it anywhere with Python alone."""
    verifier = _verifier(None)
    since = None if since_head is None else read_head(since_head, verifier)
    proof = proof_of(open_records(), chain, verifier=verifier, since=since)
    folder = to or Path(f"audit-{chain}")
    folder.mkdir(parents=True, exist_ok=True)
    write_private(folder / "proof.json", json.dumps(proof, ensure_ascii=False, indent=1))
    write_private(folder / "verify.py", verifier_program())
    say(text("audit.exported", rows=len(proof["rows"])))
    say(f"python3 {folder}/verify.py {folder}/proof.json --key '{verifier}'")


@commands.command("list", cls=Showing)
def list_rows(
    event: Annotated[str, typer.Option(help="Only events that begin so, e.g. tampering:")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 30,
    output: Output = Format.TEXT,
) -> None:
    """List the newest rows, the newest first."""
    with transaction(open_records()) as session:
        found = newest_rows(session, like=beginning_with(event), limit=limit)
    _print(found, output)


@commands.command(cls=Showing)
def show(
    chain: Annotated[str, typer.Argument(help="An approval's id, or a subject such as control.", metavar="ID")],
    output: Output = Format.TEXT,
) -> None:
    """Show every row of an approval, in order."""
    with transaction(open_records()) as session:
        found = chain_rows(session, chain)
    if not found:
        raise NotFound(f"the audit has no rows of {chain}", hint="`countersign audit list` shows the newest")
    _print(found, output)


def _sealing(settings: Settings) -> Sealing:
    return Sealing(open_records(), sealer_of(settings), head_path(settings), reread=partial(sealer_of_head, settings))


def _verifier(key: str | None) -> Verifier:
    if key is None:
        return sealer_of(load_settings()).verifier
    try:
        return read_verifier(key)
    except ValueError:
        raise InvalidInput("--key: not a verifier key", hint="`countersign audit head` prints it") from None


def _print(found: Sequence[Record[Any]], output: Format) -> None:
    if output.is_data:
        rows = [
            {
                "id": one.id,
                "leaf": one.leaf_index,
                "at": one.at.isoformat(),
                "chain": one.chain,
                "position": one.position,
                "event": one.event,
                "actor": one.actor,
                "about": one.about,
                "details": json.loads(one.details),
                "hash": one.hash.hex(),
            }
            for one in found
        ]
        say_data(rows, output)
        return
    if not found:
        print_none("audit")
    for one in found:
        sealed = "" if one.leaf_index is not None else f"  ({text('audit.not_sealed')})"
        say(_plain(f"{one.id}  {one.at:%Y-%m-%d %H:%M:%S.%f} UTC  {one.chain}  {_sentence(one.event)}{sealed}"))
        say(_plain(f"    {one.event} by {one.actor} {one.about} {one.details}"))


def _done(done: Sealed | None) -> str:
    return text("audit.sealed_by_another") if done is None else text("audit.sealed", rows=done.rows, size=done.size)


def _sentence(event: str) -> str:
    return Event(event).sentence() if event in set(Event) else event


def _plain(line: str) -> str:
    """What rows hold came from others: nothing of it may steer the terminal."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in line)
