"""Whose word a cancelled run is."""

import pytest
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Cancelling, Completed, Crashed

from flows.cancelling import by_a_person


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (Cancelling(), True),
        (Cancelled(), True),
        (Cancelled(message="Cancelled by alice"), True),
        (Cancelled(message="Deployment concurrency limit reached."), False),
        (
            Cancelled(
                message="Deployment concurrency slot lost during provisioning - "
                "no slots available to continue execution"
            ),
            False,
        ),
        (Crashed(message="the worker ended"), False),
        (Completed(), False),
    ],
)
def test_only_a_person_withdraws_an_approval(state: State, said: bool) -> None:
    assert by_a_person(state) is said
