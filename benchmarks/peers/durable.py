"""The same as a DBOS workflow on a queue: each numbered line of `work` is a step that is not done again."""

import json
import time

import httpx
from dbos import DBOS, DBOSConfig
from psycopg_pool import ConnectionPool

from benchmarks.peers import work
from benchmarks.peers.service import api, done, given, ready

QUEUE = "restarts"
_pool: ConnectionPool
_http: httpx.Client
_namespace = ""


def _write(*statements: tuple[str, tuple[object, ...]]) -> None:
    with _pool.connection() as connection:
        for statement, values in statements:
            connection.execute(statement, values)


@DBOS.step()
def claim(name: str) -> None:
    """Take the request."""
    _write((work.CLAIM, (name,)))


@DBOS.step()
def look(name: str) -> bool:
    """Read the Deployment and tell whether its rollout is complete."""
    return work.is_complete(_http.get(work.path_of(_namespace, name)).raise_for_status().json())


@DBOS.step()
def send(name: str, body: dict[str, object], *, dry: bool) -> None:
    """Send the patch."""
    headers = {"Content-Type": work.JSON_PATCH}
    query = {"dryRun": "All"} if dry else {}
    _http.patch(work.path_of(_namespace, name), params=query, json=body, headers=headers).raise_for_status()


@DBOS.step()
def note(name: str, what: str, detail: str) -> None:
    """Write a line of the trail."""
    _write((work.TRAIL, (name, what, detail)))


@DBOS.step()
def settle(name: str) -> None:
    """Write the outcome."""
    _write((work.SETTLE, (name,)), (work.TRAIL, (name, "settled", "{}")))


@DBOS.step()
def follow(statement: str, values: list[str]) -> None:
    """Write one row of what follows."""
    _write((statement, tuple(values)))


@DBOS.workflow()
def restart(name: str) -> None:
    """Restart one Deployment, up to the last row of what follows."""
    claim(name)
    look(name)
    body = work.patch()
    send(name, body, dry=True)
    note(name, "intent", json.dumps(body))
    send(name, body, dry=False)
    note(name, "answer", "{}")
    settle(name)
    while not look(name):
        DBOS.sleep(work.LOOK_SECONDS)
    follow(work.VERDICT, [name, "effective", "{}"])
    follow(work.LOG, [name, "{}"])
    follow(work.CASE, [name, f"{name} was restarted"])
    follow(work.COUNT, [])


def main() -> None:
    """Restart every Deployment that is named."""
    global _pool, _http, _namespace  # noqa: PLW0603 - DBOS's steps are functions of a module
    told = given()
    _namespace = told.namespace
    _pool = ConnectionPool(told.database_url, max_size=16, open=True)
    _http = httpx.Client(**api(told.kubeconfig))  # type: ignore[arg-type]
    with _pool.connection() as connection:
        connection.execute(work.SCHEMA)
        for name in told.names:
            connection.execute("INSERT INTO request (name) VALUES (%s)", (name,))
    config: DBOSConfig = {
        "name": "restarts",
        "system_database_url": told.database_url,
        "run_admin_server": False,
        "log_level": "ERROR",
    }
    DBOS(config=config)
    DBOS.launch()
    # What the queue starts at once is bounded as in the other peer; a workflow keeps its place while it verifies.
    DBOS.register_queue(QUEUE, worker_concurrency=4 * work.AT_ONCE)
    ready()
    began = time.time()
    handles = [DBOS.enqueue_workflow(QUEUE, restart, name) for name in told.names]
    for handle in handles:
        handle.get_result()
    done(began)
    DBOS.destroy()


if __name__ == "__main__":
    main()
