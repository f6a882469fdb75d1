"""Names chains, playbooks and incidents as paths and as lines of headers."""

import pytest

from tests.attacks.doors import Furnished, nothing_changes, rooms

__all__ = ["rooms"]
PATHS = [
    "/v1/audit/chains/..%2f..%2fetc%2fpasswd/proof",
    "/v1/audit/chains/../../../etc/passwd/proof",
    "/v1/audit/chains/control%0d%0aSet-Cookie:%20x=1/proof",
    "/v1/audit/chains/control%22;%20filename=%22x.sh/proof",
    "/v1/audit/chains/%2e%2e/proof",
    "/v1/audit/chains/CONTROL/proof",
    "/v1/playbooks/..%2f..%2fsecrets",
    "/v1/playbooks/restart-what-hangs%0d%0aX:%20y",
    "/v1/incidents/..%2f..",
    "/v1/incidents/INC%0d%0aSet-Cookie:%20x=1",
    "/static/../../pyproject.toml",
    "/static/..%2f..%2fpyproject.toml",
    "/static/%2e%2e/%2e%2e/pyproject.toml",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_name_leads_nowhere_else(rooms: Furnished, path: str) -> None:
    client = rooms.house.client("otto")
    with nothing_changes(rooms.house):
        answer = client.get(path, follow_redirects=False)
    assert answer.status_code in (404, 422), answer.text
    assert "set-cookie" not in answer.headers and "x" not in answer.headers
    assert "root:" not in answer.text and "[project]" not in answer.text


def test_a_proof_is_named_by_its_chain_alone(rooms: Furnished) -> None:
    answer = rooms.house.client("otto").get(f"/v1/audit/chains/{rooms.executed}/proof")
    assert answer.headers["content-disposition"] == f'attachment; filename="audit-{rooms.executed}.json"'
