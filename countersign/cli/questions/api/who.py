"""Who asks over the API is whoever the token says."""

from countersign.errors import InvalidInput


def refuse_by(by: str | None) -> None:
    """Raise InvalidInput where the command line says somebody else."""
    if by is not None:
        raise InvalidInput("--by: the API knows who asks by the token, and nobody else", hint="leave it out")
