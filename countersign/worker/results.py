"""Results that Prefect keeps are for people to look at: no process that runs flows reads one.

What a result is stored with says how to read it: a library to unpickle with, a function to call, a class to make
(prefect/serializers.py, also in JSON). So whoever may write to Prefect's API or to the storage may run code in what
reads it, for example by a subflow that seems to have ended already. What happened is asked of the records.
"""

from typing import Any, NoReturn

from prefect._internal.result_records import ResultRecord
from prefect.results import ResultStore

from countersign.errors import ForeignCode
from countersign.worker.telling import tell_refused_aside


def refuse_results() -> None:
    """From now on this process reads no result: every attempt raises ForeignCode. Safe to repeat."""
    for kind, name in (
        (ResultStore, "_from_metadata"),
        (ResultStore, "_aread"),
        (ResultStore, "_read"),
        (ResultRecord, "deserialize"),
        (ResultRecord, "deserialize_from_result_and_metadata"),
    ):
        assert hasattr(kind, name), f"Prefect reads results elsewhere than in {kind.__name__}.{name}"
        setattr(kind, name, staticmethod(_refuse))


def _refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
    refusal = ForeignCode(
        "A stored result of Prefect's was to be read; a process that runs flows does not.",
        hint="ask the records: `countersign approvals show`",
        of="result",
    )
    tell_refused_aside(refusal)
    raise refusal
