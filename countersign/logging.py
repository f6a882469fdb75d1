"""Structured logs through the standard library, so that Prefect shows them beside its own.

Everything logs below the name "countersign"; a process under Prefect sends that logger to the run's page
(PREFECT_LOGGING_EXTRA_LOGGERS=countersign).
"""

import logging
from collections.abc import MutableMapping
from typing import Any

import structlog

from countersign.masking import masked, names_a_secret

REDACTED = "[redacted]"


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of one module; `name` is the module's `__name__`."""
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        wrapper_class=structlog.stdlib.BoundLogger,
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            redact,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        cache_logger_on_first_use=True,
    )
    return logger


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace what is a secret by the name of its key or by what stands beside it (structlog processor)."""
    for key, value in event.items():
        if names_a_secret(key):
            event[key] = REDACTED
        elif isinstance(value, str):
            event[key] = masked(value)
    return event
