"""The office of tests/execution, under settings with which what follows an execution is not waited for."""

import pytest

from tests.execution.conftest import Office, cluster, household, running_cluster
from tests.execution.conftest import office as plain_office

__all__ = ["cluster", "household", "plain_office", "running_cluster"]


@pytest.fixture
def office(plain_office: Office) -> Office:
    """An office whose verifications look once, without warming up."""
    return plain_office.with_settings(
        verify_warm_up_seconds=0, verify_collect_seconds=0, verify_limit_seconds=30, step_retry_seconds=0.01
    )
