"""Addresses of Prefect's own notification blocks, so that a channel can be one of them."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
from prefect.blocks.core import Block
from prefect.blocks.notifications import AbstractAppriseNotificationBlock
from pydantic import SecretStr

from countersign.errors import ConfigurationError

Addresses = dict[str, SecretStr | ConfigurationError]


async def addresses_of(names: Sequence[str]) -> Addresses:
    """Return the Apprise address of each block, or why there is none: that concerns only the channels that use it."""
    return {name: await _address(name) for name in names}


def load_addresses(names: Sequence[str]) -> Addresses:
    """Do the same where no loop runs."""
    return asyncio.run(addresses_of(names)) if names else {}


async def _address(name: str) -> SecretStr | ConfigurationError:
    try:
        block: Any = await Block.aload(name)
    except ValueError:
        return ConfigurationError(f"the Prefect block {name} does not exist", hint="make it in Prefect's UI")
    except RuntimeError:
        return ConfigurationError(f"the Prefect block {name} cannot be used", hint="edit it in Prefect's UI")
    except httpx.HTTPError as error:
        return ConfigurationError(f"the Prefect block {name} cannot be read: {type(error).__name__}")
    if not isinstance(block, AbstractAppriseNotificationBlock):
        return ConfigurationError(
            f"the Prefect block {name} is not a notification block that sends through Apprise",
            hint="use one such as slack-webhook, discord-webhook or pager-duty-webhook, or an address of its own",
        )
    client: Any = block._apprise_client
    urls = [str(service.url()) for service in client]
    if len(urls) != 1:
        return ConfigurationError(f"the Prefect block {name} has no address that Apprise knows")
    return SecretStr(urls[0])
