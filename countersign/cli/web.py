"""`countersign web`: the API and the pages, until it is told to stop."""

from typing import Annotated

import typer

from countersign.cli.opened import check_that_a_stack_is_named
from countersign.settings import load_settings


def run(
    host: Annotated[
        str, typer.Option(help="The address to listen on; behind a proxy with TLS, this machine's own.")
    ] = ("127.0.0.1"),
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8080,
) -> None:
    """Serve the HTTP API and the pages. `countersign up` does it by itself."""
    settings = load_settings()
    check_that_a_stack_is_named(settings)
    # FastAPI and Prefect take a second to import, which no other command waits for.
    from countersign.web.serving import serve  # noqa: PLC0415

    serve(settings, host=host, port=port)
