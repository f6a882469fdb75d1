"""Keep the tokens of channels' addresses out of errors and logs.

An Apprise address has its tokens anywhere, the host included, and what Apprise or an HTTP client logs may repeat
parts of it. So nothing of an address is repeated, and the loggers that print whole addresses do not.
"""

import logging
import re
from urllib.parse import unquote

from countersign.masking import MASK

_SHORTEST = 4
_SEPARATORS = re.compile(r"[/@:?&=+,;%\s#]+")
_BOT = re.compile(r"/bot[^/\s\"']+")


def without_secrets(text: str, address: str) -> str:
    """Return `text` with everything in it that is part of `address` replaced by ***, the scheme apart."""
    _scheme, _, rest = address.partition("://")
    parts = {rest, unquote(rest), *_SEPARATORS.split(rest), *_SEPARATORS.split(unquote(rest))}
    # Short parts are words of the address such as a region; longer ones first, so that no rest of one remains.
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= _SHORTEST:
            text = text.replace(part, MASK)
    return text


def silence_foreign_loggers() -> None:
    """Keep Apprise, and the HTTP clients below it and below us, from logging addresses with tokens.

    Done before each message: whoever sets up logging anew, as Prefect does, may undo it.
    """
    apprise = logging.getLogger("apprise")
    # At DEBUG it prints what it sends and where to; its warnings name hosts, which may be tokens.
    apprise.setLevel(logging.WARNING)
    apprise.propagate = False
    if not apprise.handlers:
        apprise.addHandler(logging.NullHandler())
    # At DEBUG it prints the path of every request.
    logging.getLogger("urllib3.connectionpool").addFilter(_no_paths)
    for name in ("httpx", "httpcore.http11", "httpcore.connection"):
        logging.getLogger(name).addFilter(_no_bot_tokens)


def _no_paths(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


def _no_bot_tokens(record: logging.LogRecord) -> bool:
    return _BOT.search(record.getMessage()) is None
