"""The demonstration from the blocks to the table of outcomes."""

import asyncio

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from countersign.local.stack import Stack
from flows.wiring import open_services
from sandbox.demo.cases import CASES
from sandbox.demo.household import make_household, move_in, save_channel
from sandbox.demo.mailbox import Mailbox
from sandbox.demo.running import Result, execute_all, file_and_sign
from sandbox.demo.surroundings import fill_in
from sandbox.demo.visitor import Welcome, welcome


async def perform_all(stack: Stack, console: Console) -> list[Result]:
    """Save the blocks and the policy, file and sign every case, execute all at once, and print the outcomes."""
    kubeconfig = stack.addresses.kubeconfig
    assert kubeconfig is not None, "the demonstration needs the sandbox cluster"
    household = make_household()
    await move_in(household, SecretStr(await asyncio.to_thread(kubeconfig.read_text)))
    mailbox = Mailbox()
    await save_channel(mailbox.address)
    services = await open_services()
    actions = await asyncio.to_thread(fill_in, services, [case.action for case in CASES])
    approvals = [
        (case, await asyncio.to_thread(file_and_sign, services, household, case, action))
        for case, action in zip(CASES, actions, strict=True)
    ]
    console.print(f"{len(approvals)} approvals are filed and signed; executing them through the deployment …")
    results = await execute_all(services, approvals, told=lambda _result: None)
    _print(console, stack, results)
    told = ", ".join(f"{number} {kind}" for kind, number in mailbox.kinds.items())
    again = f" {mailbox.repeated} of them arrived again, with the same key." if mailbox.repeated else ""
    console.print(f"{mailbox.count} messages arrived at the channel: {told}.{again}")
    return results


async def receive(stack: Stack) -> Welcome:
    """Make ready what the visitor is told of."""
    address = stack.addresses.url
    assert address is not None, "the demonstration serves the pages"
    return await asyncio.to_thread(welcome, await open_services(), address, stack.addresses.state_dir)


def _print(console: Console, stack: Stack, results: list[Result]) -> None:
    table = Table("", "case", "outcome", "verified", "what happened", box=None)
    table.add_column("run", no_wrap=True, overflow="fold")
    for result in results:
        link = f"{stack.addresses.ui_url}/runs/flow-run/{result.flow_run.id}"
        mark = "[green]✓[/]" if result.right else f"[red]✗ expected {_expected(result)}[/]"
        table.add_row(mark, result.case.name, result.outcome, _verified(result), _escaped(result.message), link)
    console.print(table)
    wrong = sum(not result.right for result in results)
    console.print(f"{len(results) - wrong} of {len(results)} outcomes are the right ones.")


def _expected(result: Result) -> str:
    case = result.case
    return ", ".join(filter(None, (case.expected, case.verdict, "rolled back" if case.rolled_back else None)))


def _verified(result: Result) -> str:
    return f"{result.verdict}; rolled back: {result.rollback}" if result.rollback else result.verdict


def _escaped(text: str) -> str:
    """Keep rich from reading square brackets as markup."""
    return " ".join(text.split()).replace("[", "\\[")
