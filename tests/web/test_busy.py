"""What is answered while many wait for a target that does not answer."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore

import httpx

from tests.web.conftest import House
from tests.web.test_api_document import serving

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
