"""An application whose requests are shown in three chats, and people who have accounts there."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from pydantic import SecretStr

from countersign.chat.showing import look
from countersign.chat.telegram import Telegram
from countersign.execution.channels import TelegramBot
from countersign.execution.chat_key import make_chat_key
from countersign.execution.chats import Chat, Chats, DiscordApp, SlackApp
from countersign.policy.chat import ChatRule
from countersign.policy.chat_accounts import ChatAccount
from countersign.policy.document import Policy
from countersign.policy.keys import public_text
from countersign.policy.signers import Signer
from countersign.records.approvals import get_approval, signatures_of
from countersign.records.database.engine import transaction
from countersign.records.states import ChatService
from countersign.records.tables import Approval, Signature
from tests.chat.discord_service import DiscordService
from tests.chat.slack_service import SlackService
from tests.chat.telegram_service import TelegramService
from tests.execution.conftest import Office
from tests.planted import plant
from tests.web.conftest import House, house_of
from tests.web.test_approvals import filed

ALICE = {"slack": "U0ALICE", "discord": "80351110224678912", "telegram": 77}
BOB = {"slack": "U0BOB", "discord": "80351110224678913", "telegram": 78}
CAROL = {"slack": "U0CAROL", "discord": "80351110224678914", "telegram": 79}
STRANGER = {"slack": "U0EVIL", "discord": "80351110224678999", "telegram": 666}
PEOPLE = {"alice": ALICE, "bob": BOB, "carol": CAROL}
ADDRESS = "https://countersign.example"
SERVICES = ("slack", "discord", "telegram")


_apps: list[FastAPI] = []
"""The application that was made by the first test."""


@dataclass(frozen=True)
class Rooms:
    """The application, and the services that it speaks to."""

    house: House
    slack: SlackService
    discord: DiscordService
    telegram: TelegramService
    client: TestClient
    """Without a token."""
    carol: TestClient

    def service(self, name: str) -> Any:
        """Return a service."""
        return getattr(self, name)

    def file(self, **fields: Any) -> UUID:
        """File a request as carol, of low risk unless said."""
        return UUID(str(filed(self.carol, **{"risk_level": "low", **fields})["id"]))

    def look(self) -> int:
        """Have the chats be as the records are."""
        return look(self.house.services)

    def shown(self, name: str, **fields: Any) -> Any:
        """File a request, and return what the service calls its message."""
        self.file(**fields)
        self.look()
        return self.last(name)

    def last(self, name: str) -> Any:
        """Return what a service calls its newest message."""
        return list(self.service(name).messages)[-1]

    def send(self, name: str, request: tuple[bytes, Mapping[str, str]]) -> Response:
        """Send what a service sends."""
        body, headers = request
        return self.client.post(f"/v1/chat/{name}", content=body, headers=dict(headers))

    def approve(self, name: str, message: Any, by: Mapping[str, Any], /, **changes: Any) -> Response:
        """Press the button that approves."""
        return self.send(name, self.service(name).press(message, "Approve", by[name], **changes))

    def reject(self, name: str, message: Any, by: Mapping[str, Any], reason: str) -> Response:
        """Reject with a reason, in the way that the service has for it."""
        who = by[name]
        match name:
            case "slack":
                return self.send(name, self.slack.press(message, "Reject", who, reason=reason))
            case "discord":
                form = self.send(name, self.discord.press(message, "Reject", who)).json()
                return self.send(name, self.discord.submit(message, form, who, reason))
        assert self.send(name, self.telegram.press(message, "Reject", who)).status_code == 200
        return self.send(name, self.telegram.reply(self.last(name), who, reason))

    def told(self, name: str) -> list[str]:
        """Return what those who clicked were told, and nobody else."""
        whispers = {
            "slack": [each["text"] for each in self.slack.whispers],
            "discord": self.discord.whispers,
            "telegram": self.telegram.alerts,
        }
        return list(whispers[name])

    def approval(self, approval_id: UUID) -> Approval:
        """Return a request as it is on record."""
        with transaction(self.house.services.engine) as session:
            return get_approval(session, approval_id)

    def signatures(self, approval_id: UUID) -> list[Signature]:
        """Return the signatures on a request."""
        with transaction(self.house.services.engine) as session:
            return list(signatures_of(session, approval_id))


def accounts(workspaces: Mapping[str, str]) -> list[Signer]:
    """Return entries for everybody's accounts."""
    return [
        Signer(
            name=person,
            chat=ChatAccount(service=service, workspace=workspaces[service], account=str(ids[service])),
        )
        for person, ids in PEOPLE.items()
        for service in SERVICES
    ]


def with_chats(policy: Policy, key: str, signers: list[Signer], **beside: int) -> Policy:
    """Return the policy with accounts, and a rule for clicks."""
    rule = ChatRule.model_validate({"servers": [key], "beside": beside or {"low": 0, "medium": 1}})
    return policy.model_copy(update={"signers": (*policy.signers, *signers), "chat": rule})


def each_service(test: Callable[[Rooms, str], None]) -> Callable[[Rooms], None]:
    """Have a test made in each service, one after the other, in the same rooms."""

    def all_of_them(rooms: Rooms) -> None:
        for name in SERVICES:
            test(rooms, name)

    all_of_them.__name__, all_of_them.__doc__ = test.__name__, test.__doc__
    all_of_them.__module__ = test.__module__
    return all_of_them


@contextmanager
def rooms_of(office: Office, adapt: Callable[[Policy], Policy] = lambda policy: policy) -> Iterator[Rooms]:
    """Serve all of it."""
    with ExitStack() as stack:
        token = plant("xoxb-hunter2-of-the-bot")
        slack = SlackService(token=token, secret=plant("hunter2-signing-secret"))
        discord = DiscordService(token=plant("hunter2.discord.bot"))
        telegram = TelegramService(token=plant("123456:hunter2-of-the-telegram-bot"))
        for each in (slack, discord, telegram):
            stack.callback(each.close)
        chats = Chats(
            chats=(
                Chat(ChatService.SLACK, "C0OPS"),
                Chat(ChatService.DISCORD, discord.channel),
                Chat(ChatService.TELEGRAM, str(telegram.chat)),
            ),
            slack=SlackApp(SecretStr(slack.token), SecretStr(slack.secret), slack.team, slack.address),
            discord=DiscordApp(SecretStr(discord.token), discord.public_key, discord.guild, discord.address),
            telegram=TelegramBot(SecretStr(telegram.token), telegram.address),
        )
        trust = office.services.settings.trust_dir
        key = public_text(make_chat_key(trust).public_key())
        signers = accounts({"slack": slack.team, "discord": discord.guild, "telegram": ""})
        office = office.with_policy(adapt(with_chats(office.services.policy, key, signers)))
        # Nothing here waits for changes, the one thing of an application that is bound to its records.
        app = _apps[0] if _apps else None
        house = house_of(replace(office, services=replace(office.services, chats=chats)), app=app, url=ADDRESS)
        _apps[:] = [house.app]
        Telegram(chats.telegram).connect(  # type: ignore[arg-type]
            f"{ADDRESS}/v1/chat/telegram", plant(house.services.seal.chat_secret("telegram"))
        )
        yield Rooms(house, slack, discord, telegram, house.client(), house.client("carol"))
