"""Puts on the audit what the worker refuses: somebody asked it for other code than what is installed."""

from logging import Logger, LoggerAdapter
from typing import Any

from countersign.errors import CountersignError, ForeignCode
from countersign.records import audit
from countersign.records.database.engine import connect, transaction
from countersign.settings import settings


def tell_refused(refusal: ForeignCode, *, worker: str, flow_run: str, logger: "Logger | LoggerAdapter[Any]") -> None:
    """Append the row. The refusal stands without it: records that cannot be reached are said in the log."""
    found = settings()
    try:
        engine = connect(found.database_url, timeout=found.database_timeout_seconds)
        try:
            with transaction(engine) as session:
                details = {"flow_run": flow_run, "found": refusal.message}
                audit.record(session, audit.Event.ENTRYPOINT_REFUSED, actor=worker, details=details)
        finally:
            engine.dispose()
    except CountersignError as error:
        logger.warning("The refusal of flow run %s is not on the audit: %s", flow_run, error.message)
