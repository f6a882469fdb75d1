"""`countersign policy`: what is in force, and changing it: propose, sign, activate."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from countersign.cli.console import screen
from countersign.cli.exit_codes import OK, REFUSED
from countersign.cli.key_file import read_signing_key
from countersign.cli.opened import open_records
from countersign.cli.options import By, Yes, acting
from countersign.cli.output import Format, Output, Showing, say_data
from countersign.cli.questions.choice import questions
from countersign.cli.rendering import print_columns, print_none
from countersign.cli.screen import say
from countersign.errors import InvalidInput
from countersign.execution.policy.change import (
    KEY_FILE,
    OwnKey,
    machines_key,
    own_key,
    refusals_told,
    require_record,
    unchanged_version,
)
from countersign.execution.policy.change import (
    activate as activate_version,
)
from countersign.execution.policy.change import (
    propose as propose_version,
)
from countersign.execution.policy.change import (
    sign as sign_version,
)
from countersign.execution.policy.difference import Named, difference, last_text, text_in_force, version_named
from countersign.execution.policy.in_force import (
    pinned_administrators,
    policy_source,
    recorded_signatures,
    version_of,
)
from countersign.execution.policy.inspection import check_policy
from countersign.policy.administrators import Administrators
from countersign.policy.loading import load_policy_file, read_policy_file
from countersign.policy.versions import require_workable, verify_version
from countersign.records.database.engine import transaction
from countersign.records.policy_versions import in_force, versions
from countersign.records.tables import PolicyVersionRow
from countersign.settings import Settings, load_settings

commands = typer.Typer(name="policy", help="What may be done, and by whose signature.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(help="The version's number.", metavar="NUMBER", min=1)]
File = Annotated[Path, typer.Argument(help="The policy's YAML.")]
Reason = Annotated[str, typer.Option(help="Why; signed and kept with the version.")]
Administrator = Annotated[
    str | None, typer.Option("--as", help="Which administrator signs; whose key it is unless said.")
]
Key = Annotated[
    Path | None,
    typer.Option(
        "--key", help=f"The administrator's private Ed25519 key; {KEY_FILE} in the trust folder unless said."
    ),
]
HISTORY = ("number", "status", "proposed", "by", "signed by", "hash", "reason")
APPROVAL = typer.Argument(help="The approval's id, or its last 8 characters.", metavar="ID")


@commands.command(cls=Showing)
def show(
    number: Annotated[int | None, typer.Argument(help="Another version than the one in force.", min=1)] = None,
    output: Output = Format.TEXT,
) -> None:
    """Print the text of the policy that is in force, or of version NUMBER; beside it, which one that is."""
    settings = load_settings()
    if number is not None:
        require_record(settings)
        with transaction(open_records()) as session:
            version = unchanged_version(session, number)
        if output.is_data:
            say_data(_shown(version.number, version.hash, version.document), output)
        else:
            say(version.document, nl=False)
        return
    found = policy_source(settings, open_records()).read()
    if found.mark is None:
        print_none("policy")
        return
    if output.is_data:
        shown = _shown(found.mark.number, found.mark.hash, found.document)
        say_data({**shown, "signed_by": list(found.administrators)}, output)
        return
    say(found.document, nl=False)
    signed = f", signed by {', '.join(found.administrators)}" if found.administrators else ""
    where = settings.policy_file if found.mark.number is None else f"version {found.mark.number}"
    say(f"{where}, {found.mark.hash}{signed}", err=True)


@commands.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="A policy's YAML; the record unless said.")] = None,
) -> None:
    """Check FILE; or verify the record: every version's hash, the chain, and the signatures on the one in force."""
    settings = load_settings()
    if file is not None:
        policy = load_policy_file(file)
        require_workable(policy, source=str(file))
        say(f"{file}: {len(policy.signers)} signers, {len(policy.freeze_windows)} freeze windows")
        return
    say(str(check_policy(settings, open_records())))


@commands.command()
def diff(
    old: Annotated[str | None, typer.Argument(help="A version's number; the one in force unless said.")] = None,
    new: Annotated[str | None, typer.Argument(help="A version's number or a file; the last one unless said.")] = None,
) -> None:
    """Print what differs: from the version in force to the last one, from it to NEW, or from OLD to NEW."""
    if new is None:
        old, new = None, old
    with transaction(open_records()) as session:
        say(_diff(_text_of(session, old), _text_of(session, new, last=True)), nl=False)


@commands.command()
def propose(
    file: File,
    reason: Reason,
    by: By = None,
) -> None:
    """Put FILE on record as the next version and print its number. It decides nothing until it is activated."""
    settings = load_settings()
    require_record(settings)
    text = read_policy_file(file)
    with transaction(open_records()) as session:
        made = propose_version(session, text, author=acting(by), reason=reason, source=str(file))
    say(made.number)
    say(f"Have it signed: countersign policy sign {made.number} --as ADMINISTRATOR --key FILE", err=True)


@commands.command()
def sign(number: Number, administrator: Administrator = None, key: Key = None, yes: Yes = False) -> None:
    """Show what version NUMBER changes, and sign it with an administrator's key."""
    settings = load_settings()
    require_record(settings)
    pinned = pinned_administrators(settings.trust_dir)
    engine = open_records()
    with refusals_told(engine, number, by=acting(None)):
        own = _own_key(settings, pinned, key, administrator)
    with transaction(engine) as session:
        version = unchanged_version(session, number)
        changed = _diff(_text_of(session, None), Named(f"version {number}", version.document))
    say(f"Version {number}, proposed by {version.author} at {version.proposed_at.isoformat()}: {version.reason}")
    say(f"hash {version.hash}\n{changed}")
    if not yes:
        typer.confirm(f"Sign it as {own.administrator}?", abort=True)
    with transaction(engine) as session:
        verified = sign_version(session, number, own, pinned)
    have = f"{len(verified.administrators)} of {verified.quorum} ({', '.join(verified.administrators)})"
    say(f"Signed: {have}." + (f" Now: countersign policy activate {number}" if verified.suffices else ""))


@commands.command()
def activate(number: Number, by: By = None) -> None:
    """Put version NUMBER in force, once enough administrators have signed it."""
    settings = load_settings()
    require_record(settings)
    pinned, engine, who = pinned_administrators(settings.trust_dir), open_records(), acting(by)
    with refusals_told(engine, number, by=who), transaction(engine) as session:
        verified = activate_version(session, number, pinned, by=who)
    say(f"Version {number} is in force, signed by {', '.join(verified.administrators)}.")


@commands.command(cls=Showing)
def history(
    changes: Annotated[bool, typer.Option("--diff", help="Also what each one changed.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the last ones.")] = 20,
    output: Output = Format.TEXT,
) -> None:
    """List the versions, newest first: number, status, when, who, why, whose signatures count, and the hash."""
    settings, console = load_settings(), screen()
    with transaction(open_records()) as session:
        listed = [_listed(session, row, settings) for row in versions(session, limit=limit)]
        if output.is_data:
            say_data(listed, output)
            return
        if not listed:
            print_none("policy")
            return
        print_columns(console, [HISTORY, *(_line(one, output) for one in listed)])
        for one in listed if changes else ():
            number = one["number"]
            before = version_named(session, number - 1) if number > 1 else Named("version 0", "")
            say("\n" + _diff(before, version_named(session, number)), nl=False)


@commands.command(cls=Showing)
def explain(approval_id: Annotated[str, APPROVAL], output: Output = Format.TEXT) -> None:
    """Say whether an approval would run now, and if not, which rule is against it and until when.

    Exit code 4 if it would not. Nothing is sent but questions and dry runs, and nothing goes on record.
    """
    asked = questions().approvals
    found = asked.explain(asked.named(approval_id))
    if output.is_data:
        say_data({"runs": found.runs, "answers": [asdict(one) for one in found.answers]}, output)
        raise typer.Exit(OK if found.runs else REFUSED)
    console = screen()
    by = f"policy, {found.policy}" if found.policy else "no policy"
    console.print(f"It would {'' if found.runs else 'not '}run now ({by}).", markup=False)
    for one in found.answers:
        until = f" Until {one.until}." if one.until else ""
        console.print(
            f"  {'ok' if one.passed else 'NO':2}  {one.rule:14} {one.reason}.{until}", markup=False, soft_wrap=True
        )
        if one.hint and not one.passed:
            console.print(f"      {'':14} hint: {one.hint}", markup=False, soft_wrap=True)
    raise typer.Exit(OK if found.runs else REFUSED)


def _shown(number: int | None, hash_: str, document: str) -> dict[str, Any]:
    return {"number": number, "hash": hash_, "document": document}


def _listed(session: Session, row: PolicyVersionRow, settings: Settings) -> dict[str, Any]:
    """Return what the history says of a version as JSON values."""
    pinned, now = pinned_administrators(settings.trust_dir), in_force(session)
    verified = verify_version(version_of(row), recorded_signatures(session, row.number), pinned)
    return {
        "number": row.number,
        "status": "in force" if now and row.number == now.number else "replaced" if row.activated_at else "proposed",
        "proposed_at": row.proposed_at.isoformat(timespec="seconds"),
        "author": row.author,
        "signed_by": list(verified.administrators),
        "hash": row.hash,
        "reason": row.reason,
    }


def _line(one: Mapping[str, Any], output: Format) -> tuple[str, ...]:
    signed, reason = ", ".join(one["signed_by"]) or "-", " ".join(one["reason"].split())
    hash_ = one["hash"] if output.is_wide else one["hash"][:12]
    return (str(one["number"]), one["status"], one["proposed_at"], one["author"], signed, hash_, reason)


def _own_key(settings: Settings, pinned: Administrators, file: Path | None, name: str | None) -> OwnKey:
    if file is None:
        own = machines_key(settings.trust_dir, pinned)
        if name is not None and name != own.administrator:
            raise InvalidInput(f"the key in the trust folder is {own.administrator}'s", hint="name a file with --key")
        return own
    return own_key(read_signing_key(file), pinned, name=name)


def _text_of(session: Session, named: str | None, *, last: bool = False) -> Named:
    """Return a version's or a file's name and text; of the one in force, or the last one, where none is named."""
    if named is None:
        return last_text(session) if last else text_in_force(session)
    return version_named(session, int(named)) if named.isdecimal() else Named(named, read_policy_file(Path(named)))


def _diff(old: Named, new: Named) -> str:
    return difference(old, new) or "nothing differs\n"
