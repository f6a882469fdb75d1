"""A console for styles, tables and markdown, which escapes every piece of text and leaves its own styles alone.

Apart from `countersign.cli.screen`, since most commands print lines and need not wait for rich.
"""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook, RenderResult
from rich.segment import Segment

from countersign.escaping import visible


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
