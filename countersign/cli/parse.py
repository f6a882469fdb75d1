"""`countersign parse`: what a text would do, without any connection."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from countersign.actions import canonical, describe, describe_refusal, describe_text, explain, read_action
from countersign.actions.operation import KubernetesOperation, Reading
from countersign.cli.exit_codes import USAGE
from countersign.cli.output import Format, Output, say_data
from countersign.cli.screen import say
from countersign.errors import InvalidInput, ParseFailure

Text = Annotated[str | None, typer.Argument(help="The action's text, in quotes; - reads it from standard input.")]
Lines = Annotated[
    str | None,
    typer.Option(
        "--jsonl",
        metavar="FILE",
        help='Read lines {"text": …} from FILE (- is standard input), answer each with JSON.',
    ),
]


def run(text: Text = None, output: Output = Format.TEXT, jsonl: Lines = None) -> None:
    """Show what a text would do. Nothing is executed and no connection is made; exit code 2 if it is refused."""
    if (text is None) == (jsonl is None):
        raise InvalidInput("parse needs either a text or --jsonl", hint="countersign parse 'kubectl cordon node-1'")
    if jsonl is not None:
        _answer_lines(jsonl)
        return
    given = sys.stdin.read() if text == "-" else (text or "")
    try:
        reading = read_action(given)
    except ParseFailure as failure:
        if not output.is_data:
            raise
        say_data(describe_refusal(failure), output)
        raise typer.Exit(USAGE) from None
    if output.is_data:
        say_data(describe(reading), output)
    else:
        say("\n".join(_table(reading)))


def _answer_lines(name: str) -> None:
    if name == "-":
        _answer(sys.stdin.buffer)
        return
    try:
        with Path(name).open("rb") as lines:
            _answer(lines)
    except OSError as error:
        raise InvalidInput(f"--jsonl: {name} cannot be read: {error.strerror}") from None


def _answer(lines: BinaryIO) -> None:
    for line in lines:
        # ASCII only and flushed: the reader may be a program that waits for each answer.
        say(json.dumps(answer(line)))


def answer(line: bytes) -> dict[str, Any]:
    """Return the answer to one input line; a line that is not {"text": …} is refused like any other text."""
    try:
        value = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return {"reading": "refused", "reason": "the line is not JSON in UTF-8", "hint": '{"text": "kubectl …"}'}
    text = value.get("text") if isinstance(value, dict) else None
    if not isinstance(text, str):
        return {"reading": "refused", "reason": "the line has no text", "hint": '{"text": "kubectl …"}'}
    return describe_text(text)


def _table(reading: Reading) -> Iterator[str]:
    rows: dict[str, Any] = describe(reading)
    parameters = rows.pop("parameters", {})
    rows |= {name.replace("_", " "): value for name, value in parameters.items()}
    rows["meaning"] = explain(reading)
    if isinstance(reading, KubernetesOperation):
        rows["canonical"] = canonical(reading)
    width = max(len(name) for name in rows)
    for name, value in rows.items():
        yield f"{name:<{width}}  {_cell(name, value)}"


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "the cluster block's default" if name == "namespace" else "the hosts block's"
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
