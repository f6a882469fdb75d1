"""An approval's life as events: whoever lost the connection goes on where it broke off."""

import httpx

from tests.web.conftest import House
from tests.web.test_api_document import serving
from tests.web.test_approvals import filed


def test_what_was_seen_is_not_told_again(house: House) -> None:
    carol = house.client("carol")
    approval = filed(carol)["id"]
    last = carol.get(f"/v1/approvals/{approval}/timeline").json()[-1]["seq"]
    headers = {"Authorization": carol.headers["Authorization"], "Last-Event-ID": str(last)}
    with (
        serving(house.app) as address,
        httpx.stream("GET", f"{address}/v1/approvals/{approval}/events", headers=headers, timeout=30) as answer,
    ):
        lines = answer.iter_lines()
        assert next(lines) == "event: status"
        assert carol.post(f"/v1/approvals/{approval}/cancel", json={"reason": "mended"}).status_code == 200
        told = [int(line[4:]) for line in lines if line.startswith("id: ")]
    assert told and min(told) > last
