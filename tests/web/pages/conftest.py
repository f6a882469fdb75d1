"""The house of tests/web with verifications that are not waited for, and a reader for its pages."""

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.execution.conftest import Office
from tests.execution.conftest import office as plain_office
from tests.web.conftest import Browser, House, cluster, house, household, running_cluster

__all__ = ["cluster", "house", "household", "plain_office", "running_cluster"]


@pytest.fixture
def office(plain_office: Office) -> Office:
    """An office whose verifications look once, without warming up."""
    return plain_office.with_settings(
        verify_warm_up_seconds=0, verify_collect_seconds=0, verify_limit_seconds=30, step_retry_seconds=0.01
    )


@dataclass(frozen=True)
class Reader:
    """Somebody who reads pages and sends their forms."""

    browser: Browser

    def get(self, path: str, *, status: int = 200, language: str = "en", part: bool = False) -> str:
        """Return the page at `path`."""
        headers = {"Accept-Language": language} | ({"HX-Request": "true"} if part else {})
        answer = self.browser.client.get(path, headers=headers, follow_redirects=False)
        assert answer.status_code == status, answer.text
        return answer.text

    def send(self, path: str, **fields: Any) -> httpx.Response:
        """Send a form with the session's token, unless another is among the fields."""
        data = {"csrf": self.browser.csrf, **{name: str(value) for name, value in fields.items()}}
        return self.browser.client.post(path, data=data, follow_redirects=False)

    def hash_of(self, approval_id: UUID) -> str:
        """Return the hash that the approval's page shows."""
        found = re.search(r'data-hash="([0-9a-f]{64})"', self.get(f"/approvals/{approval_id}"))
        assert found is not None
        return found[1]


def reader(house: House, name: str) -> Reader:
    """Return somebody who is logged in."""
    return Reader(house.browser(name))
