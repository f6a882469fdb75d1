"""Which failures are worth another attempt."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.errors import AmbiguousTargetError, PermanentTargetError, PolicyRefused, TransientTargetError
from countersign.targets.classify import (
    PERMANENT_WORDS,
    TRANSIENT_WORDS,
    Retryable,
    classify,
    classify_text,
    is_transient,
)


class Answer(Exception):
    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(text)
        self.status = status


@pytest.mark.parametrize(
    ("error", "decision"),
    [
        (TransientTargetError("forbidden"), Retryable.TRANSIENT),
        (PermanentTargetError("connection refused"), Retryable.PERMANENT),
        (PolicyRefused("timeout"), Retryable.PERMANENT),
        (AmbiguousTargetError("no answer"), Retryable.AMBIGUOUS),
        (ConnectionRefusedError(), Retryable.TRANSIENT),
        (ConnectionResetError(), Retryable.TRANSIENT),
        (TimeoutError(), Retryable.TRANSIENT),
        (socket.gaierror("not known"), Retryable.TRANSIENT),
        (PermissionError("timeout"), Retryable.PERMANENT),
        (Answer(429), Retryable.TRANSIENT),
        (Answer(503, "forbidden"), Retryable.TRANSIENT),
        (Answer(403, "timeout"), Retryable.PERMANENT),
        (Answer(500), Retryable.PERMANENT),
        (ValueError("dial tcp 10.0.0.1:443"), Retryable.TRANSIENT),
        (ValueError("something else"), Retryable.PERMANENT),
    ],
)
def test_type_and_status_decide_before_words(error: Exception, decision: Retryable) -> None:
    assert classify(error) is decision
    assert is_transient(error) is (decision is Retryable.TRANSIENT)


@given(st.sampled_from(TRANSIENT_WORDS), st.sampled_from(PERMANENT_WORDS), st.booleans())
def test_a_permanent_word_wins(transient: str, permanent: str, upper: bool) -> None:
    text = f"{transient}: {permanent}"
    assert classify_text(text.upper() if upper else text) is Retryable.PERMANENT
    assert classify_text(transient.upper() if upper else transient) is Retryable.TRANSIENT
