"""`countersign mcp`: what an AI agent may read and propose, on standard input and output."""

from importlib.util import find_spec

from countersign.cli.server import api_of
from countersign.errors import ConfigurationError
from countersign.settings import load_settings


def run() -> None:
    """Serve the Model Context Protocol to one agent: it reads, asks what would happen, proposes; never signs or runs.

    COUNTERSIGN_URL or --server names the API; COUNTERSIGN_TOKEN or --token-file gives a token, with the roles viewer
    and requester and no other.
    """
    if find_spec("mcp") is None:
        raise ConfigurationError(
            "The SDK of the Model Context Protocol is not installed.", hint="pip install 'countersign[mcp]'"
        )
    server = api_of(load_settings())
    if server is None:
        raise ConfigurationError(
            "COUNTERSIGN_URL and COUNTERSIGN_TOKEN have to say which API is asked, and as whom",
            hint="countersign tokens new NAME --role viewer --role requester",
        )
    from countersign.agents.server import make_server  # noqa: PLC0415
    from countersign.client import Client  # noqa: PLC0415

    with Client(server.url, server.token) as client:
        make_server(client).run("stdio")
