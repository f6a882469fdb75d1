"""`countersign approvals`: file, sign, reject, cancel, show, run, list."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from countersign.cli.approval_list import list_lines, row_json
from countersign.cli.console import screen
from countersign.cli.exit_codes import FAILED, OK, REFUSED, UNKNOWN, USAGE
from countersign.cli.filing import file
from countersign.cli.key_file import read_signing_key
from countersign.cli.options import By, Reason, Yes, moment
from countersign.cli.output import Format, Output, Showing, say_data
from countersign.cli.questions.answers import Decided
from countersign.cli.questions.choice import questions
from countersign.cli.rendering import (
    print_approval,
    print_columns,
    print_none,
    print_report,
)
from countersign.cli.screen import say
from countersign.cli.signing import print_what_is_signed
from countersign.errors import InvalidInput, NotApproved
from countersign.execution.report import Report
from countersign.policy.signatures import Decision
from countersign.records.approval_list import Only
from countersign.records.database.identifiers import short_id
from countersign.records.outcomes import Outcome
from countersign.records.states import ApprovalStatus, Start, Verdict
from countersign.texts import text

approvals = typer.Typer(name="approvals", help="Requests to perform an action.", no_args_is_help=True)

Identifier = Annotated[str, typer.Argument(help="The approval's id, or its last 8 characters.", metavar="ID")]
Signer = Annotated[str, typer.Option("--as", help="Who signs: a signer's name in the policy.")]
Key = Annotated[Path, typer.Option("--key", help="File with the signer's private Ed25519 key.")]


approvals.command(cls=Showing)(file)


@approvals.command()
def sign(approval_id: Identifier, signer: Signer, key: Key, reason: Reason = "", yes: Yes = False) -> None:
    """Approve a request: show what it will do, ask, sign, record."""
    _decide(approval_id, signer, key, Decision.APPROVE, reason, yes=yes)


@approvals.command()
def reject(approval_id: Identifier, signer: Signer, key: Key, reason: Reason = "", yes: Yes = False) -> None:
    """Reject a request, with a signature and a reason."""
    _decide(approval_id, signer, key, Decision.REJECT, reason, yes=yes)


def _decide(approval_id: str, signer: str, key: Path, decision: Decision, reason: str, *, yes: bool) -> None:
    private = read_signing_key(key)
    asked, console = questions().approvals, screen()
    signing = asked.signing(asked.named(approval_id), signer=signer, decision=decision)
    if not yes:
        print_what_is_signed(console, signing)
        if not sys.stdin.isatty() or not typer.confirm(f"{decision.value} as {signer}?"):
            raise InvalidInput("not confirmed, nothing was signed", hint="answer y, or pass --yes")
    decided = asked.sign(signing, private, comment=reason)
    _print_status(decided.approval.id, decided.approval.status)
    console.print(_what_comes_next(decided), markup=False, soft_wrap=True)


def _print_status(approval_id: UUID, status: ApprovalStatus) -> None:
    screen().print(f"{approval_id} is {text(f'approval_status.{status}')}", markup=False)


def _what_comes_next(decided: Decided) -> str:
    """Say what the request waits for now."""
    approval = decided.approval
    if approval.status is ApprovalStatus.PENDING:
        who = ", ".join(decided.able) or text("next.nobody")
        return text("next.signatures", given=len(decided.given), needed=approval.required_signatures, who=who)
    if approval.status is not ApprovalStatus.APPROVED:
        return text("next.ended")
    if approval.start is Start.BY_HAND:
        return text("next.by_hand", id=short_id(approval.id))
    if approval.not_before is not None and approval.not_before > datetime.now(UTC):
        return text("next.not_before", moment=approval.not_before.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"))
    return text("next.starts", id=short_id(approval.id))


@approvals.command()
def cancel(
    approval_id: Identifier,
    reason: Reason = "",
    by: By = None,
) -> None:
    """Withdraw a request that nobody has started. Its requester does; a signer rejects it instead."""
    asked = questions().approvals
    wanted = asked.named(approval_id)
    _print_status(wanted, asked.cancel(wanted, by=by, reason=reason))


@approvals.command(cls=Showing)
def show(approval_id: Identifier, output: Output = Format.TEXT) -> None:
    """Show a request with its signatures, its timeline and its report."""
    asked = questions().approvals
    found = asked.facts(asked.named(approval_id))
    if output.is_data:
        say_data(found, output, indent=2)
    else:
        print_approval(screen(), found)


@approvals.command("list", cls=Showing)
def list_(
    status: Annotated[ApprovalStatus | None, typer.Option(help="Only those in this status.")] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="Only those whose execution ended so.")] = None,
    verdict: Annotated[Verdict | None, typer.Option(help="Only those whose effect was judged so.")] = None,
    requester: Annotated[str | None, typer.Option(help="Only what this person or program asked for.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only those filed since then: 30m, 12h, 7d, or a time (RFC 3339).")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=500)] = 20,
    output: Output = Format.TEXT,
) -> None:
    """List requests, newest first. Filters look at the newest 10,000."""
    now = datetime.now(UTC)
    only = Only(
        status=status,
        outcome=outcome,
        verdict=verdict,
        requester=requester,
        since=None if since is None else moment(since, now=now, option="--since"),
    )
    rows = questions().approvals.rows(only, limit=limit)
    if output.is_data:
        say_data([row_json(row) for row in rows], output)
    elif not rows:
        print_none("approvals")
    else:
        print_columns(screen(), list_lines(rows, now=now, wide=output.is_wide))


@approvals.command(cls=Showing)
def run(
    approval_id: Identifier,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and plan, send nothing.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the outcome and print the report.")] = True,
    output: Output = Format.TEXT,
) -> None:
    """Execute a request through the deployment; the exit code is the outcome's."""
    asked = questions().approvals
    wanted = asked.named(approval_id)
    if asked.status(wanted) is ApprovalStatus.PENDING and not dry_run:
        raise NotApproved(
            f"approval {wanted} is pending: it lacks signatures, nothing was started",
            hint=f"countersign approvals sign {wanted} --as NAME --key FILE",
        )
    report = asked.run(wanted, dry_run=dry_run, wait=wait)
    if isinstance(report, UUID):
        say(report)
        return
    if output.is_data:
        say_data(report.model_dump(mode="json"), output)
    else:
        print_report(screen(), report)
    raise typer.Exit(outcome_code(report))


def outcome_code(report: Report) -> int:
    """Return the exit code of a report (docs/cli.md)."""
    if report.success:
        return OK
    return {"blocked": REFUSED, "postponed": REFUSED, "parse_failure": USAGE, "unknown": UNKNOWN}.get(
        report.outcome, FAILED
    )
