"""What doctor says about chats in which people sign: apps, key, and the address that clicks are sent to.

Nothing is sent to a chat. The services are asked who their apps are, and this installation's own address whether it
refuses what no service has signed.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import httpx

from countersign.chat.app import ChatApp
from countersign.chat.services import services_of
from countersign.errors import ConfigurationError
from countersign.execution.chat_key import read_chat_key
from countersign.execution.chats import Chats
from countersign.policy.document import Policy
from countersign.policy.keys import key_id_of, public_text
from countersign.records.states import ChatService
from countersign.settings import Settings

SECONDS: Final = 5.0
MEDIA_TYPE: Final = "application/problem+json"
Look = Callable[[], str]
"""Says what holds. Raises CountersignError about what does not."""


def looks_at(settings: Settings, chats: Chats, policy: Policy) -> Sequence[Look]:
    """Return what is asked about the chats, one after the other; nothing where no app is configured."""
    apps = services_of(chats)
    if not apps:
        return ()
    return (
        *(partial(_app, service, app, chats) for service, app in apps.items()),
        partial(key, settings, policy),
        partial(address, settings),
        *(partial(_webhook, settings, service) for service in apps if settings.url is not None),
    )


def key(settings: Settings, policy: Policy) -> str:
    """Say that what signs for clicks here is believed by the policy. Raises ConfigurationError."""
    public = read_chat_key(settings.trust_dir).public_key()
    if policy.chat is None or not policy.chat.knows(key_id_of(public)):
        raise ConfigurationError(
            "the key that signs for clicks here is not in the policy, so no click counts",
            hint=f"chat: servers: [{public_text(public)}] in the policy (`countersign chat key` prints it)",
        )
    return "the key that signs for clicks can be read, and the policy believes it"


def address(settings: Settings) -> str:
    """Say that clicks come by TLS. Raises ConfigurationError: the services send them to no other address."""
    if settings.url is None:
        raise ConfigurationError(
            "COUNTERSIGN_URL is not set, so the services do not know where to send clicks",
            hint="set it to the address of `countersign web` as the internet reaches it",
        )
    if urlsplit(settings.url).scheme != "https":
        raise ConfigurationError(
            f"clicks would be sent to {settings.url}, which is not https",
            hint="put TLS in front of `countersign web`, and set COUNTERSIGN_URL to that address",
        )
    return f"clicks are sent to {settings.url}, by TLS"


def plain_services(chats: Chats) -> Sequence[str]:
    """Return the services whose API is asked without TLS."""
    apis = {ChatService.SLACK: chats.slack, ChatService.DISCORD: chats.discord, ChatService.TELEGRAM: chats.telegram}
    return [service for service, app in apis.items() if app is not None and urlsplit(app.api).scheme != "https"]


def _app(service: ChatService, app: ChatApp, chats: Chats) -> str:
    """Say who the app is."""
    shown = sum(chat.service is service for chat in chats.chats)
    return f"{service}: {app.name()} is let in, requests are shown in {shown} of its chats"


def _webhook(settings: Settings, service: ChatService) -> str:
    """Say that the address of clicks leads here. Raises ConfigurationError."""
    asked = f"{settings.url}/v1/chat/{service}"
    hint = f"let {asked} lead to `countersign web`; then `countersign chat connect`"
    try:
        # By nobody: what no service has signed is refused, and only Countersign says so in this way.
        answer = httpx.post(asked, json={}, timeout=SECONDS, trust_env=False, follow_redirects=False)
    except httpx.HTTPError as error:
        raise ConfigurationError(f"{asked} does not answer ({type(error).__name__})", hint=hint) from None
    refused = answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.TOO_MANY_REQUESTS)
    if not refused or not answer.headers.get("content-type", "").startswith(MEDIA_TYPE):
        raise ConfigurationError(
            f"{asked} answers {answer.status_code} to what no service has signed, and not as Countersign does",
            hint=hint,
        )
    return f"{service}: {asked} answers, and refuses what it has not signed"
