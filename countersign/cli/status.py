"""`countersign status`: what needs a person now, and whether runs are taken."""

from typing import Any

from rich.console import Console
from rich.table import Table

from countersign.cli.console import screen
from countersign.cli.output import Format, Output, say_data
from countersign.cli.questions.answers import RunTakers
from countersign.cli.questions.choice import questions
from countersign.cli.rendering import padded
from countersign.execution.attention import Attention
from countersign.execution.standing import MOST_LETTERS, Standing
from countersign.execution.wording import age
from countersign.texts import text


def run(output: Output = Format.TEXT) -> None:
    """Show what needs a person now, each with its age and what to run; then the kill switch, who takes runs, and how
    many approvals are open.
    """
    installation = questions().installation
    found = installation.standing()
    if output.is_data:
        say_data(_as_json(found, installation.takers()), output)
        return
    # Shown before Prefect is asked: it may take its time to answer.
    print_attention(screen(), found.attention)
    switch, takers = found.switch, installation.takers()
    obstacle = takers.obstacle
    console = screen()
    said = "status_line.switch_on" if switch.is_on else "status_line.switch_off"
    console.print(text(said, reason=switch.reason), markup=False)
    if obstacle is None:
        online = ", ".join(takers.online)
        console.print(text("status_line.workers", pool=takers.pool, names=online), markup=False)
    else:
        console.print(text("status_line.no_workers", reason=obstacle.message, hint=obstacle.hint), markup=False)
    if found.open_approvals is not None:
        table = Table(text("column.approvals"), text("column.count"), box=None)
        for status, count in found.open_approvals.items():
            table.add_row(text(f"approval_status.{status}"), str(count))
        console.print(table)
    if letters := found.dead_letters:
        many = "status_line.letters" if letters < MOST_LETTERS else "status_line.letters_or_more"
        console.print(text(many, count=letters), markup=False)


def print_attention(console: Console, attention: Attention) -> None:
    """Print what needs a person: one line for each, its reason and the command below it."""
    if not attention.items:
        console.print(text("attention.nothing"), markup=False)
        return
    console.print(text("attention.title"), markup=False)
    heads = padded([(each.label, age(each.age_seconds)) for each in attention.items])
    for each, (label, old) in zip(attention.items, heads, strict=True):
        console.print(f"  {label}  {old}  {each.what}", markup=False, soft_wrap=True)
        if each.why:
            console.print(f"      {each.why}", markup=False, soft_wrap=True)
        console.print(f"      {each.command}", markup=False, soft_wrap=True)
    for need in attention.more:
        console.print(f"  {text('attention.more', kind=text(f'attention.{need}'))}", markup=False)


def _as_json(found: Standing, takers: RunTakers) -> dict[str, Any]:
    counts = found.open_approvals
    return {
        "needs_attention": attention_json(found.attention),
        "kill_switch": found.switch.is_on,
        "workers_online": list(takers.online) if takers.pool is not None else None,
        "no_run_starts_because": takers.obstacle.message if takers.obstacle is not None else None,
        "open_approvals": {status.value: count for status, count in counts.items()} if counts is not None else None,
        "never_started": [str(approval_id) for approval_id in found.never_started],
        "abandoned": [str(approval_id) for approval_id in found.abandoned],
        "unknown": [str(approval_id) for approval_id in found.unknown],
        "dead_letters": found.dead_letters,
    }


def attention_json(attention: Attention) -> dict[str, Any]:
    """Return what needs a person as JSON values."""
    items = [
        {
            "need": each.need,
            "subject": each.subject,
            "approval": str(each.approval_id) if each.approval_id else None,
            "since": each.since.isoformat(),
            "age_seconds": round(each.age_seconds),
            "what": each.what,
            "why": each.why,
            "command": each.command,
        }
        for each in attention.items
    ]
    return {"items": items, "more": list(attention.more)}
