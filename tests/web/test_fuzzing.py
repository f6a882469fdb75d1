"""Whatever is sent, the API answers as its OpenAPI says; never with a fault of its own."""

import asyncio
from pathlib import Path

import pytest

from countersign.policy.roles import Role, RoleGrant
from tests.execution.conftest import Office
from tests.web.fuzzing import Budget, deploy, fuzzed
from tests.web.records import furnished

EVERYTHING = RoleGrant(roles=tuple(Role), subjects=("grace",))
SMALL = Budget(examples=1, steps=3, seed=20_260_101)


@pytest.mark.timeout(3600)
def test_whatever_is_sent_is_answered_as_it_is_documented(
    office: Office, tmp_path: Path, prefect_everywhere: str, request: pytest.FixtureRequest
) -> None:
    assert prefect_everywhere
    asyncio.run(deploy())
    rooms = furnished(office, tmp_path, roles=(EVERYTHING,), web_requests_per_minute=10_000_000)
    examples = request.config.getoption("--fuzz-examples")
    other = rooms.house.token("somebody").split("_")[1]
    came = fuzzed(
        rooms.house.app,
        rooms.house.token("grace"),
        # Neither waits for an approval's end, nor revokes the token that asks.
        parameters={"query.wait": "0", "path.token_id": other},
        budget=Budget(examples, 12, None) if examples else SMALL,
    )
    rooms.house.app.state.changes.close()
    assert not came.failures, "\n".join(came.failures)
    assert came.requests > 1_000
