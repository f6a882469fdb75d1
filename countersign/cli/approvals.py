"""`countersign approvals`: file, sign, reject, show, run, list."""

import getpass
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from countersign.cli.exit_codes import FAILED, OK, REFUSED, UNKNOWN, USAGE
from countersign.cli.opened import identifier, open_for_commands, open_records
from countersign.cli.rendering import (
    approval_json,
    print_approval,
    print_none,
    print_reading,
    print_report,
    print_requests,
)
from countersign.cli.screen import say, say_json, screen
from countersign.cli.signing import print_what_is_signed
from countersign.errors import InvalidInput, NotApproved
from countersign.execution.decisions import sign_approval
from countersign.execution.filing import Request, file_request
from countersign.execution.report import Report
from countersign.masking import masked
from countersign.policy.keys import load_private_key
from countersign.policy.signatures import Decision
from countersign.records.approvals import get_approval, list_approvals
from countersign.records.database.engine import transaction
from countersign.records.states import ApprovalStatus, RiskLevel
from countersign.texts import text

approvals = typer.Typer(name="approvals", help="Requests to perform an action.", no_args_is_help=True)

Identifier = Annotated[str, typer.Argument(help="The approval's id.", metavar="ID")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Signer = Annotated[str, typer.Option("--as", help="Who signs: a signer's name in the policy.")]
Key = Annotated[Path, typer.Option("--key", help="File with the signer's private Ed25519 key.")]
Comment = Annotated[str, typer.Option(help="Why; kept with the signature.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@approvals.command()
def file(
    action: Annotated[str, typer.Argument(help="The action, one line, e.g. 'kubectl rollout restart deploy/api'.")],
    by: Annotated[str | None, typer.Option(help="Who asks; the login name unless said.")] = None,
    description: Annotated[str, typer.Option(help="Why it should be done.")] = "",
    risk: Annotated[RiskLevel, typer.Option(help="How much harm it could do.")] = RiskLevel.MEDIUM,
    signatures: Annotated[int, typer.Option(help="Signatures needed; the policy may ask for more.")] = 1,
    expires_in: Annotated[float | None, typer.Option(help="Minutes until the request expires.", min=0.1)] = None,
    not_before: Annotated[
        datetime | None, typer.Option(help="Start it no earlier, RFC 3339.", formats=["%Y-%m-%dT%H:%M:%S%z"])
    ] = None,
    incident: Annotated[str | None, typer.Option(help="The incident it is for.")] = None,
    playbook: Annotated[str | None, typer.Option(help="The playbook it comes from.")] = None,
    cluster: Annotated[
        str | None, typer.Option(help="The cluster it is for; the action's --context, else the default one.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key: the same key files one request.")] = None,
    as_json: AsJson = False,
) -> None:
    """File a request to perform ACTION and print its id; say what the action means.

    A selector (-l) is resolved to names now, by asking the cluster; the names are what is signed.
    """
    services, now = open_for_commands(), datetime.now(UTC)
    request = Request(
        action=action,
        requested_by=by or getpass.getuser(),
        description=description,
        risk_level=risk.value,
        required_signatures=signatures,
        incident_id=incident,
        matched_playbook_id=playbook,
        expires_at=None if expires_in is None else now + timedelta(minutes=expires_in),
        not_before=not_before,
        idempotency_key=key,
        cluster=cluster,
    )
    with transaction(services.engine) as session:
        filed = file_request(session, request, policy=services.policy, now=now, clusters=services.clusters)
    if as_json:
        say_json({"id": str(filed.approval.id), **filed.reading})
        return
    say(filed.approval.id)
    errors = screen(stderr=True)
    print_reading(errors, filed.reading)
    if filed.selected is not None:
        said = text("hint.selected", selector=filed.selected.selector, count=len(filed.selected.names))
        errors.print(said, style="yellow", markup=False)
    if filed.reading["reading"] == "refused":
        errors.print(text("hint.unparsable"), style="yellow", markup=False)


@approvals.command()
def sign(approval_id: Identifier, signer: Signer, key: Key, comment: Comment = "", yes: Yes = False) -> None:
    """Approve a request: show what it will do, ask, sign, record."""
    _decide(approval_id, signer, key, Decision.APPROVE, comment, yes=yes)


@approvals.command()
def reject(approval_id: Identifier, signer: Signer, key: Key, comment: Comment = "", yes: Yes = False) -> None:
    """Reject a request, with a signature and a reason."""
    _decide(approval_id, signer, key, Decision.REJECT, comment, yes=yes)


def _decide(approval_id: str, signer: str, key: Path, decision: Decision, comment: str, *, yes: bool) -> None:
    try:
        private = load_private_key(SecretStr(key.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError):
        raise InvalidInput(f"--key: {key} cannot be read", hint="`countersign keys new NAME` makes a key") from None
    services = open_for_commands()
    with transaction(services.engine) as session:
        approval = get_approval(session, identifier(approval_id))
        if not yes:
            console = screen()
            print_what_is_signed(console, approval, signer=signer, decision=decision)
            if not sys.stdin.isatty() or not typer.confirm(f"{decision.value} as {signer}?"):
                raise InvalidInput("not confirmed, nothing was signed", hint="answer y, or pass --yes")
        approval = sign_approval(
            session, services, approval, signer=signer, key=private, decision=decision, comment=comment
        )
    screen().print(f"{approval.id} is {text(f'approval_status.{approval.status}')}", markup=False)


@approvals.command()
def show(approval_id: Identifier, as_json: AsJson = False) -> None:
    """Show a request with its signatures, its timeline and its report."""
    with transaction(open_records()) as session:
        found = approval_json(session, identifier(approval_id))
    if as_json:
        say_json(found, indent=2)
    else:
        print_approval(screen(), found)


@approvals.command("list")
def list_(
    status: Annotated[ApprovalStatus | None, typer.Option(help="Only those in this status.")] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=500)] = 20,
    as_json: AsJson = False,
) -> None:
    """List requests, newest first."""
    with transaction(open_records()) as session:
        page = list_approvals(session, status=status, limit=limit)
    if as_json:
        rows: list[dict[str, Any]] = [
            {"id": str(row.id), "status": row.status, "risk_level": row.risk_level, "action": masked(row.action),
             "requested_by": row.requested_by, "created_at": row.created_at.isoformat()}
            for row in page.items
        ]  # fmt: skip
        say_json(rows)
        return
    if not page.items:
        print_none("approvals")
        return
    print_requests(screen(), page.items)


@approvals.command()
def run(
    approval_id: Identifier,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and plan, send nothing.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait for the outcome and print the report.")] = True,
    as_json: AsJson = False,
) -> None:
    """Execute a request through the deployment; the exit code is the outcome's."""
    from countersign.cli.triggering import trigger  # noqa: PLC0415  (imports Prefect)

    wanted = identifier(approval_id)
    with transaction(open_records()) as session:
        pending = get_approval(session, wanted).status == ApprovalStatus.PENDING
    if pending and not dry_run:
        raise NotApproved(
            f"approval {wanted} is pending: it lacks signatures, nothing was started",
            hint=f"countersign approvals sign {wanted} --as NAME --key FILE",
        )
    report = trigger(wanted, dry_run=dry_run, wait=wait)
    if report is None:
        return
    if as_json:
        say_json(report.model_dump(mode="json"))
    else:
        print_report(screen(), report)
    raise typer.Exit(outcome_code(report))


def outcome_code(report: Report) -> int:
    """Return the exit code of a report (docs/cli.md)."""
    if report.success:
        return OK
    return {"blocked": REFUSED, "parse_failure": USAGE, "unknown": UNKNOWN}.get(report.outcome, FAILED)
