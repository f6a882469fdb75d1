"""Loading a block by name, with one clear error for everything that can be wrong with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import httpx
from prefect.blocks.core import Block
from prefect.settings import PREFECT_API_URL
from pydantic import ValidationError

from countersign.errors import ConfigurationError

AnyBlock = TypeVar("AnyBlock", bound=Block)


class BlockMissing(ConfigurationError):
    """There is no block of this name."""


async def load_block(kind: type[AnyBlock], name: str) -> AnyBlock:
    """Return the saved block.

    Raises ConfigurationError if there is none, if its fields cannot be right (the UI saves a form without asking
    the block type), or if Prefect's API cannot be asked.
    """
    if PREFECT_API_URL.value() is None:
        # Prefect would start a server of its own for the question, and that one has no blocks.
        raise ConfigurationError(
            f"the block {kind.__name__} {name!r} cannot be read: PREFECT_API_URL is not set",
            hint="`countersign up` starts a Prefect server here",
        )
    with _errors(kind, name):
        return await kind.aload(name)


async def save_block(block: Block, name: str) -> None:
    """Save `block` in the place of the one that has this name. Raises ConfigurationError."""
    try:
        await block.asave(name, overwrite=True)
    except (httpx.HTTPError, RuntimeError) as error:
        raise ConfigurationError(
            f"the block {type(block).__name__} {name!r} cannot be saved: {type(error).__name__}",
            hint="check PREFECT_API_URL, or edit the block in Prefect's UI",
        ) from None


@contextmanager
def _errors(kind: type[Block], name: str) -> Iterator[None]:
    what = f"the block {kind.__name__} {name!r}"
    try:
        yield
    except ValueError:
        raise BlockMissing(
            f"{what} does not exist", hint=f"make it in Prefect's UI under Blocks: {kind.get_block_type_name()}"
        ) from None
    except RuntimeError as error:
        if not isinstance(error.__cause__, ValidationError):
            raise
        raise _invalid(what, error.__cause__) from None
    except httpx.HTTPError as error:
        raise ConfigurationError(
            f"{what} cannot be read from Prefect's API: {type(error).__name__}", hint="check PREFECT_API_URL"
        ) from None


def _invalid(what: str, error: ValidationError) -> ConfigurationError:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    return ConfigurationError(
        f"{what} cannot be used: {field + ': ' if field else ''}{first['msg']}", hint="edit it in Prefect's UI"
    )
