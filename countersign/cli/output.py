"""`-o`: lists and records as JSON or YAML for programs, or with every column for people."""

import json
from enum import StrEnum
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from countersign.cli.screen import say, say_json
from countersign.escaping import json_text, visible


class Format(StrEnum):
    """What a command prints."""

    TEXT = "text"
    WIDE = "wide"
    """Text with more columns, where there are more."""
    JSON = "json"
    YAML = "yaml"

    @property
    def is_data(self) -> bool:
        """Whether programs read it."""
        return self in (Format.JSON, Format.YAML)

    @property
    def is_wide(self) -> bool:
        return self is Format.WIDE


Output = Annotated[
    Format,
    typer.Option("--output", "-o", help="json and yaml for programs, wide for more columns; --json is -o json."),
]


class Showing(TyperCommand):
    """A command with `Output`, which takes --json for -o json."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command's words (click calls it)."""
        end = args.index("--") if "--" in args else len(args)
        words = ["--output=json" if word == "--json" else word for word in args[:end]]
        return super().parse_args(ctx, [*words, *args[end:]])


def say_data(value: Any, output: Format, *, indent: int | None = None) -> None:
    """Print `value` as `output` says; `indent` is for JSON that people look at, too."""
    if output is not Format.YAML:
        say_json(value, indent=indent)
        return
    import yaml  # noqa: PLC0415 - few ask for it, and every command would wait for it

    plain = json.loads(json_text(value))
    written = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
    if written != visible(written, lines=True):
        # Something in it would steer the terminal: YAML's own escapes say it as well.
        written = yaml.safe_dump(plain, sort_keys=False)
    say(written, nl=False)
