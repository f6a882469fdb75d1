"""Loading a block by name, with one clear error for everything that can be wrong with it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import httpx
from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL
from pydantic import ValidationError

from blocks.form import REFUSED
from countersign.errors import BlockRefused, ConfigurationError

PAGE = 200
AnyBlock = TypeVar("AnyBlock", bound=Block)


class BlockMissing(ConfigurationError):
    """There is no block of this name."""


async def load_block(kind: type[AnyBlock], name: str) -> AnyBlock:
    """Return the saved block.

    Raises ConfigurationError if there is none, if its fields cannot be right (the UI saves a form without asking
    the block type), or if Prefect's API cannot be asked.
    """
    _require_api(f"the block {kind.__name__} {name!r}")
    with _errors(kind, name):
        return await kind.aload(name)


@dataclass(frozen=True)
class Found(Generic[AnyBlock]):
    """One saved block."""

    block: AnyBlock | ConfigurationError
    """The error where its fields cannot be right."""
    fields: Mapping[str, Any] = field(repr=False)
    """What was filled in, secrets included."""


async def load_all(kind: type[AnyBlock]) -> dict[str, Found[AnyBlock]]:
    """Return every saved block of this kind by its name.

    Raises ConfigurationError if Prefect's API cannot be asked.
    """
    what = f"the {kind.__name__} blocks"
    _require_api(what)
    with _api_errors(what):
        documents = await _documents(kind)
    return {each.name: Found(_block(kind, each), each.data) for each in documents if each.name is not None}


def _block(kind: type[AnyBlock], document: BlockDocument) -> AnyBlock | ConfigurationError:
    try:
        return kind._from_block_document(document)
    except ValidationError as error:
        return _invalid(f"the block {kind.__name__} {document.name!r}", error)


async def _documents(kind: type[Block]) -> list[BlockDocument]:
    found: list[BlockDocument] = []
    async with get_client() as client:
        while True:
            try:
                page = await client.read_block_documents_by_type(
                    kind.get_block_type_slug(), offset=len(found), limit=PAGE, include_secrets=True
                )
            except ObjectNotFound:  # nobody has registered the type yet
                return []
            found += page
            if len(page) < PAGE:
                return found


async def delete_block(kind: type[Block], name: str) -> None:
    """Delete the block. Raises BlockMissing, ConfigurationError."""
    with _errors(kind, name):
        await kind.adelete(name)


async def save_block(block: Block, name: str) -> None:
    """Save `block` in the place of the one that has this name. Raises ConfigurationError."""
    try:
        await block.asave(name, overwrite=True)
    except (httpx.HTTPError, RuntimeError) as error:
        raise ConfigurationError(
            f"the block {type(block).__name__} {name!r} cannot be saved: {type(error).__name__}",
            hint="check PREFECT_API_URL, or edit the block in Prefect's UI",
        ) from None


def _require_api(what: str) -> None:
    if PREFECT_API_URL.value() is None:
        # Prefect would start a server of its own for the question, and that one has no blocks.
        raise ConfigurationError(
            f"{what} cannot be read: PREFECT_API_URL is not set", hint="`countersign up` starts a Prefect server here"
        )


@contextmanager
def _api_errors(what: str) -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise ConfigurationError(
            f"{what} cannot be read from Prefect's API: {type(error).__name__}", hint="check PREFECT_API_URL"
        ) from None


@contextmanager
def _errors(kind: type[Block], name: str) -> Iterator[None]:
    what = f"the block {kind.__name__} {name!r}"
    try:
        with _api_errors(what):
            yield
    except ValueError:
        raise BlockMissing(
            f"{what} does not exist", hint=f"make it in Prefect's UI under Blocks: {kind.get_block_type_name()}"
        ) from None
    except RuntimeError as error:
        if not isinstance(error.__cause__, ValidationError):
            raise
        raise _invalid(what, error.__cause__) from None


def _invalid(what: str, error: ValidationError) -> ConfigurationError:
    found = error.errors(include_url=False, include_input=False)
    first = next((each for each in found if each["type"] == REFUSED), found[0])
    where = ".".join(str(part) for part in first["loc"])
    kind = BlockRefused if first["type"] == REFUSED else ConfigurationError
    return kind(
        f"{what} cannot be used: {where + ': ' if where else ''}{first['msg']}", hint="edit it in Prefect's UI"
    )
