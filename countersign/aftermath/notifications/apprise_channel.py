"""Send one message to one channel through Apprise."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import get_ident
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from countersign.aftermath.notifications import pagerduty
from countersign.aftermath.notifications.answers import error_for, listening, refused
from countersign.aftermath.notifications.markup import Dialect, Limits, Rendered, render
from countersign.aftermath.notifications.message import Message
from countersign.aftermath.notifications.redaction import silence_foreign_loggers, without_secrets
from countersign.errors import ConfigurationError, DeliveryFailed
from countersign.execution.channels import PORTS, Channel, Format
from countersign.execution.outward import AddressRefused, guarded
from countersign.execution.time_limit import within

MOST = 20_000
"""Characters of a body where the service allows more."""
PAUSE_AFTER_CONNECT_SECONDS = 5.0


@dataclass(frozen=True)
class _Service:
    """What differs from what Apprise says about a service."""

    limits: Limits
    rich: Dialect | None = None
    """How it is written to in a channel with the format html or markdown."""
    plain: Dialect = Dialect.PLAIN


# By Apprise's class, because a service has several schemes. Titles of 0: the service has none.
_SERVICES = {
    "NotifySlack": _Service(Limits(150, 3_000), Dialect.MRKDWN),
    "NotifyDiscord": _Service(Limits(0, 2_000), Dialect.MARKDOWN),
    # Telegram's own HTML is the one markup of which nothing but < and & has to be escaped.
    "NotifyTelegram": _Service(Limits(0, 4_096), Dialect.TELEGRAM, plain=Dialect.TELEGRAM),
    "NotifyPagerDuty": _Service(Limits(0, 1_024)),
}
_DIALECTS = {Format.PLAIN: Dialect.PLAIN, Format.HTML: Dialect.HTML, Format.MARKDOWN: Dialect.MARKDOWN}
_FORMATS = {
    Dialect.PLAIN: "text",
    Dialect.HTML: "html",
    Dialect.TELEGRAM: "html",
    Dialect.MARKDOWN: "markdown",
    Dialect.MRKDWN: "markdown",
}


@dataclass(frozen=True)
class Prepared:
    """A message as its service takes it. What is slow or can be wrong beforehand is behind it."""

    service: Any = field(repr=False)
    rendered: Rendered
    dialect: Dialect
    key: str
    failed: bool
    address: SecretStr

    def send(self, timeout: float) -> None:
        """Send it, waiting no longer than `timeout` seconds for all of the exchange.

        Raises DeliveryFailed, DeliveryRefused; no error repeats anything of the channel's address.
        """
        self.service.socket_connect_timeout = min(timeout, PAUSE_AFTER_CONNECT_SECONDS)
        self.service.socket_read_timeout = timeout
        try:
            with guarded(*_hosts(self.service)) as guard:
                self._send(timeout)
        except AddressRefused as error:
            raise refused(str(error)) from None
        except DeliveryFailed:
            if guard.refused:
                raise refused(guard.refused) from None
            raise

    def _send(self, timeout: float) -> None:
        if pagerduty.is_meant(self.service):
            pagerduty.send(self.service, self.rendered.body, key=self.key, failed=self.failed, timeout=timeout)
            return
        client = _alone(self.service)
        with within(timeout) as late, listening() as answers, _warnings() as said:
            # Through Apprise's own list, which catches whatever a service's code raises.
            sent = client.notify(
                body=self.rendered.body,
                title=self.rendered.title,
                notify_type=_type(self.failed),
                body_format=_format(self.dialect),
            )
        if not sent:
            told = without_secrets(" ".join(said), self.address.get_secret_value())[:300]
            raise error_for(answers, late=late.is_set(), said=told)


def prepare(channel: Channel, message: Message, *, key: str, failed: bool) -> Prepared:
    """Make ready what `channel` is to be sent.

    `key` tells a repeated message where a service looks for one: PagerDuty, and webhooks (Idempotency-Key).
    Raises ConfigurationError, which does not repeat the channel's address.
    """
    service = open_service(channel)
    assert not isinstance(channel.url, ConfigurationError)
    kind = _SERVICES.get(type(service).__name__)
    dialect = _dialect(channel.format, kind)
    _prepare(service, dialect, key)
    rendered = render(message, dialect, _limits(service, kind))
    return Prepared(service, rendered, dialect, key, failed, channel.url)


def open_service(channel: Channel) -> Any:
    """Return Apprise's object for the channel's address. Raises ConfigurationError, which does not repeat it."""
    silence_foreign_loggers()
    from apprise import Apprise  # noqa: PLC0415 - slow to import

    if isinstance(channel.url, ConfigurationError):
        raise channel.url
    service = Apprise.instantiate(channel.url.get_secret_value(), asset=_asset(), suppress_exceptions=True)
    if service is None:
        raise ConfigurationError(
            f"the address of the channel {channel.name!r} is none that Apprise knows",
            hint="see Apprise's list of services for the form of its address",
        )
    if getattr(service, "port", None) is not None and service.port not in PORTS:
        raise ConfigurationError(
            f"the address of the channel {channel.name!r} has a port that is not between 1 and 65535",
            hint="write host:port, or leave the port away",
        )
    return service


def _asset() -> Any:
    from apprise import AppriseAsset, PersistentStoreMode  # noqa: PLC0415 - as above

    return AppriseAsset(
        app_id="Countersign",
        app_desc="Countersign",
        app_url="",
        storage_mode=PersistentStoreMode.MEMORY,
        async_mode=False,
    )


def _hosts(service: Any) -> Sequence[str]:
    """Return what the address names as its host, which for many services is a token."""
    host = getattr(service, "host", None)
    return (host,) if isinstance(host, str) else ()


def _alone(service: Any) -> Any:
    from apprise import Apprise  # noqa: PLC0415 - as above

    client = Apprise(asset=_asset())
    client.add(service)
    return client


def _dialect(wanted: Format, kind: _Service | None) -> Dialect:
    if kind is None:
        return _DIALECTS[wanted]
    return kind.plain if wanted is Format.PLAIN or kind.rich is None else kind.rich


def _limits(service: Any, kind: _Service | None) -> Limits:
    if kind is not None:
        return kind.limits
    return Limits(int(service.title_maxlen), min(int(service.body_maxlen), MOST))


def _prepare(service: Any, dialect: Dialect, key: str) -> None:
    """Have the service send what was rendered, unchanged and in one piece."""
    service.notify_format = _format(dialect)
    # Another host is another channel, and gets neither what is told nor the token.
    service.redirects = False
    name = type(service).__name__
    if name == "NotifySlack":
        # In blocks a text is what we say it is; elsewhere Apprise makes mentions of what looks like one.
        service.use_blocks = True
    if name in ("NotifyJSON", "NotifyXML", "NotifyForm"):
        # A header takes Latin-1 in one line only, a channel's name anything.
        service.headers = {"Idempotency-Key": quote(key), **service.headers}


def _format(dialect: Dialect) -> Any:
    from apprise import NotifyFormat  # noqa: PLC0415 - as above

    return NotifyFormat(_FORMATS[dialect])


def _type(failed: bool) -> Any:
    from apprise import NotifyType  # noqa: PLC0415 - as above

    return NotifyType.FAILURE if failed else NotifyType.SUCCESS


class _Collecting(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self._thread = get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        # Other channels are told in other threads at the same time.
        if record.thread == self._thread:
            self.said.append(record.getMessage())


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collect what Apprise warns of in this thread."""
    handler = _Collecting()
    logger = logging.getLogger("apprise")
    logger.addHandler(handler)
    try:
        yield handler.said
    finally:
        logger.removeHandler(handler)
