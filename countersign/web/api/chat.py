"""`/v1/chat`: what chats' services tell, each by its own proof of who it is; no token opens these.

A click is on record before it is answered, and answered before it is settled: the services wait three seconds, and
tell it again where no answer comes, which does nothing.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, NoReturn, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse

from countersign.chat.app import ChatApp, Heard
from countersign.chat.asking import settle_and_say, tell
from countersign.chat.discord import LATER, AtOnce, hear_discord, reason_form
from countersign.chat.services import services_of
from countersign.chat.slack import hear_slack
from countersign.chat.taking import opens_form, take, who_clicked
from countersign.chat.telegram import hear_telegram
from countersign.errors import InvalidInput, SignatureRefused, Tampered, Unauthenticated
from countersign.execution.chats import Chats
from countersign.execution.services import Services
from countersign.records.states import ChatService
from countersign.texts import text
from countersign.web.acting import doors_of
from countersign.web.api.responses import problems

router = APIRouter(prefix="/chat", tags=["chat"])
T = TypeVar("T")
_REFUSALS = (InvalidInput, SignatureRefused, Tampered)
"""Those that the one who clicked is told of; others are the service's to hear."""


async def _raw(request: Request) -> bytes:
    return await request.body()


Body = Annotated[bytes, Depends(_raw)]


def _documented(media_type: str, said: str) -> dict[str, Any]:
    schema = {"type": "object", "description": said}
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}, "security": []}


@router.post(
    "/slack",
    response_class=Response,
    responses=problems(408, 413),
    openapi_extra=_documented("application/x-www-form-urlencoded", "a block_actions payload, signed by Slack (v0)"),
)
def slack(request: Request, body: Body) -> Response:
    """Take a press of a button in Slack."""
    services, chats = _services(request)
    app = chats.slack
    heard = _heard(request, ChatService.SLACK, lambda: hear_slack(app, request.headers, body) if app else _nobody())
    return Response(background=_work(services, chats, heard))


@router.post(
    "/discord",
    responses=problems(408, 413),
    openapi_extra=_documented("application/json", "an interaction, signed by Discord (Ed25519)"),
)
def discord(request: Request, body: Body) -> JSONResponse:
    """Take a press of a button, or a form, in Discord; answer its PING."""
    services, chats = _services(request)
    app = chats.discord
    heard = _heard(
        request, ChatService.DISCORD, lambda: hear_discord(app, request.headers, body) if app else _nobody()
    )
    if isinstance(heard, AtOnce):
        return JSONResponse(dict(heard.answer))
    if heard is not None and (language := opens_form(services, heard)) is not None:
        title, label = text("chat.button_reject", language=language), text("chat.reason", language=language)
        return JSONResponse(dict(reason_form(heard, title, label)))
    return JSONResponse(LATER, background=_work(services, chats, heard))


@router.post(
    "/telegram",
    responses=problems(408, 413),
    openapi_extra=_documented("application/json", "an update, with the secret of the bot's webhook"),
)
def telegram(request: Request, body: Body) -> JSONResponse:
    """Take a press of a button, or the answer to a question for a reason, in Telegram."""
    services, chats = _services(request)
    secret = services.seal.chat_secret(ChatService.TELEGRAM)
    heard = _heard(
        request,
        ChatService.TELEGRAM,
        lambda: hear_telegram(secret, request.headers, body) if chats.telegram else _nobody(),
    )
    return JSONResponse({}, background=_work(services, chats, heard))


def _services(request: Request) -> tuple[Services, Chats]:
    services = doors_of(request).source.now()
    return services, services.the_chats()


def _nobody() -> NoReturn:
    raise Unauthenticated(
        "No app of this service is configured.", hint="fill in a ChatApprovals block (docs/chat.md)"
    )


def _heard(request: Request, service: ChatService, hear: Callable[[], T]) -> T:
    """Return what was heard, if it is the service that says it. Raises Unauthenticated, TooManyRequests."""
    doors = doors_of(request)
    address = f"{service} {request.client.host if request.client is not None else 'unknown'}"
    try:
        heard = hear()
    except Unauthenticated:
        doors.lockout.failed(address)
        raise
    doors.lockout.succeeded(address)
    if isinstance(heard, Heard):
        doors.pace.take(who_clicked(heard))
    return heard


def _work(services: Services, chats: Chats, heard: Heard | None) -> BackgroundTask | None:
    """Put a click on record, and return what is left to do once it was answered."""
    if heard is None:
        return None
    apps: Mapping[ChatService, ChatApp] = services_of(chats)
    app = apps[heard.service]
    try:
        taken = take(services, heard)
    except _REFUSALS as error:
        return BackgroundTask(tell, app, heard, error)
    if taken is None or not taken.is_new:
        return None
    return BackgroundTask(settle_and_say, services, app, taken, heard)
