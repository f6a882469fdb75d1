"""Structured logs through the standard library, so that Prefect shows them beside its own.

Everything logs below the name "countersign"; a process under Prefect sends that logger to the run's page
(PREFECT_LOGGING_EXTRA_LOGGERS=countersign).
"""

import logging
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from countersign.escaping import visible
from countersign.masking import masked, masked_values, names_a_secret

REDACTED = "[redacted]"
_line = structlog.processors.KeyValueRenderer(key_order=["event"])


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of one module; `name` is the module's `__name__`."""
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        wrapper_class=structlog.stdlib.BoundLogger,
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            # Last, so that the stack trace and what was put into the event are seen too.
            redact,
            render,
        ],
        cache_logger_on_first_use=True,
    )
    return logger


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace what is a secret by the name of its key or by what stands beside it (structlog processor)."""
    for key, value in event.items():
        event[key] = REDACTED if names_a_secret(key) else _shown(value)
    return event


def render(logger: Any, method: str, event: MutableMapping[str, Any]) -> tuple[tuple[str], Mapping[str, Any]]:
    """Return the line with the stack trace below it, for a logger that is not to add its own, unmasked one."""
    trace = event.pop("exception", None)
    line = _line(logger, method, event)
    # The renderer writes values as Python does, which shows what is hidden; a trace quotes them as they are.
    return (f"{line}\n{visible(trace, lines=True)}" if trace else line,), {"exc_info": False}


def _shown(value: Any) -> Any:
    if isinstance(value, str | Mapping | list | tuple):
        return masked_values(value)
    # Anything else is printed by its own words.
    words = repr(value)
    return value if masked(words) == words else masked(words)
