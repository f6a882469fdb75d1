"""What is answered while many wait for a target that does not answer."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore
from typing import Any

import httpx
import pytest

from countersign.web.api import approvals as of_api
from countersign.web.pages import approval as of_page
from countersign.web.target_limits import MOST_ASKING
from tests.web.conftest import House
from tests.web.test_api_document import serving
from tests.web.test_approvals import filed

MORE_THAN_THREADS = 50


def test_health_is_told_while_every_thread_waits(house: House) -> None:
    entered, go_on = Semaphore(0), Event()

    def held() -> None:
        entered.release()
        go_on.wait(60)

    house.app.router.add_api_route("/held", held)
    with serving(house.app) as address, ThreadPoolExecutor(MORE_THAN_THREADS) as pool:
        try:
            for _ in range(MORE_THAN_THREADS):
                pool.submit(httpx.get, f"{address}/held", timeout=90)
            # As many as there are threads (anyio's default).
            for _ in range(40):
                assert entered.acquire(timeout=60)
            assert httpx.get(f"{address}/healthz", timeout=30).json() == {"status": "ok"}
        finally:
            go_on.set()


@pytest.mark.parametrize("path", ["/v1/approvals/{}/preview", "/approvals/{}/now"])
def test_one_identity_asks_a_target_few_times_at_once(
    house: House, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    approval = filed(house.client("carol"))["id"]
    entered, go_on, explained = Semaphore(0), Event(), of_api.explain

    def held(*given: Any) -> Any:
        entered.release()
        go_on.wait(60)
        return explained(*given)

    for module in (of_api, of_page):
        monkeypatch.setattr(module, "explain", held)
    victor, alice = house.browser("victor").client, house.browser("alice").client
    with ThreadPoolExecutor(MOST_ASKING) as pool:
        try:
            waiting = [pool.submit(victor.get, path.format(approval)) for _ in range(MOST_ASKING)]
            for _ in waiting:
                assert entered.acquire(timeout=60)
            refused = victor.get(path.format(approval))
            assert refused.status_code == 429
            assert int(refused.headers["retry-after"]) >= 1
        finally:
            go_on.set()
        assert [each.result().status_code for each in waiting] == [200] * MOST_ASKING
    assert victor.get(path.format(approval)).status_code == 200
    assert alice.get(path.format(approval)).status_code == 200
