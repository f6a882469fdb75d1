"""The one door from the commands to a terminal: whatever is shown goes through countersign.escaping here.

A name, a description or what a cluster answers may hold what a terminal obeys. So no command prints by itself: it
says lines and JSON, or takes a console, which escapes every piece of text and leaves its own styles alone.
"""

from collections.abc import Iterable
from typing import Any

import typer
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook, RenderResult
from rich.segment import Segment

from countersign.escaping import json_text, visible


def say(line: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print `line` (or lines), to standard error with `err`."""
    typer.echo(visible(str(line), lines=True), err=err, nl=nl)


def say_json(value: Any, *, indent: int | None = None) -> None:
    """Print `value` as JSON."""
    typer.echo(json_text(value, indent=indent))


def screen(*, stderr: bool = False, **options: Any) -> Console:
    """Return a console for styles, tables and markdown."""
    console = Console(stderr=stderr, highlight=False, **options)
    console.push_render_hook(_Escape())
    return console


class _Escape(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Return what is rendered instead (rich calls it with everything that is printed)."""
        return [_Escaped(one) for one in renderables]


class _Escaped:
    def __init__(self, inner: RenderableType) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        return self._segments(console.render(self._inner, options))

    @staticmethod
    def _segments(rendered: Iterable[Segment]) -> Iterable[Segment]:
        for text, style, control in rendered:
            yield Segment(text if control else visible(text, lines=True), style, control)
