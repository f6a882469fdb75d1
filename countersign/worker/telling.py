"""Puts on the audit what is refused where flows run: somebody asked for other code than what is installed."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

from prefect.runtime import flow_run

from countersign.errors import CountersignError, ForeignCode
from countersign.logging import get_logger
from countersign.records import refusals
from countersign.records.audit import SYSTEM
from countersign.records.database.engine import connect
from countersign.settings import settings

logger = get_logger(__name__)
# Python waits for its thread at exit.
_aside: Final = ThreadPoolExecutor(1, thread_name_prefix="refusals")


def tell_refused(refusal: ForeignCode, *, worker: str = SYSTEM, flow_run: str) -> None:
    """Append the row. The refusal stands without it: records that cannot be reached are said in the log."""
    try:
        found = settings()
        engine = connect(found.database_url, timeout=found.database_timeout_seconds)
    except CountersignError as error:
        logger.warning("a refusal is not on the audit", flow_run=flow_run, reason=error.message)
        return
    try:
        refusals.tell(engine, refusal, actor=worker, details={"flow_run": flow_run})
    finally:
        engine.dispose()


def tell_refused_aside(refusal: ForeignCode) -> None:
    """Append the row from another thread: what is refused in the middle of a flow must not hold the others up."""
    _aside.submit(tell_refused, refusal, flow_run=flow_run.id or "")
