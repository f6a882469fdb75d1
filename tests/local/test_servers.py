"""The servers from wheels: one owner per folder, sockets that fit, and nothing lost by a kill."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psycopg
import pytest
from redis import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from countersign.errors import ConfigurationError, DatabaseUnavailable
from countersign.local.postgres import THROWAWAY, EmbeddedPostgres
from countersign.local.sockets import SOCKET_PATH_LIMIT, make_private, socket_folder
from countersign.local.valkey import EmbeddedValkey
from countersign.records.database.engine import connect

OWNER = """
    import sys, time
    from pathlib import Path
    from countersign.local.{module} import {name}
    server = {name}(Path(sys.argv[1]))
    server.start()
    print(server.pid, flush=True)
    time.sleep(600)
"""


def owner_in_another_process(module: str, name: str, folder: Path) -> tuple[subprocess.Popen[str], int]:
    """Start a process that owns a server, and return it with the server's pid."""
    code = textwrap.dedent(OWNER.format(module=module, name=name))
    process = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    return process, int(process.stdout.readline())


def ask(server: EmbeddedPostgres, statement: str) -> object:
    with psycopg.connect(server.url("postgres").replace("+psycopg", "")) as connection:
        row = connection.execute(statement).fetchone()  # type: ignore[call-overload]
    return row and row[0]


def alive(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_data_survives_a_stop(servers_folder: Path) -> None:
    folder = servers_folder / "kept"
    with EmbeddedPostgres(folder) as server:
        server.create_database("mine")
        server.create_database("mine")
        pid = server.pid
    assert pid
    assert not alive(pid)
    with EmbeddedPostgres(folder) as server:
        assert ask(server, "SELECT count(*) FROM pg_database WHERE datname = 'mine'") == 1


def test_a_killed_owner_leaves_a_server_that_the_next_one_takes_over(servers_folder: Path) -> None:
    folder = servers_folder / "orphan"
    process, pid = owner_in_another_process("postgres", "EmbeddedPostgres", folder)
    with pytest.raises(ConfigurationError, match=f"in use by process {process.pid}"):
        EmbeddedPostgres(folder).start()
    EmbeddedPostgres(folder).stop()
    assert alive(pid), "who is not the owner must not stop the server"
    process.kill()
    process.wait()
    with EmbeddedPostgres(folder) as server:
        assert server.pid == pid
        assert ask(server, "SELECT 1") == 1
    assert not alive(pid)


def test_a_killed_server_recovers_even_if_its_pid_is_somebody_elses(servers_folder: Path) -> None:
    folder = servers_folder / "killed"
    server = EmbeddedPostgres(folder)
    server.start()
    server.create_database("mine")
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    pid_file = folder / "data" / "postmaster.pid"
    lines = pid_file.read_text().split("\n")
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    with EmbeddedPostgres(folder) as again:
        assert ask(again, "SELECT count(*) FROM pg_database WHERE datname = 'mine'") == 1


def test_a_deep_folder_works_too(servers_folder: Path) -> None:
    folder = servers_folder / ("deep" * 20) / ("er" * 30)
    with EmbeddedPostgres(folder, options=THROWAWAY) as server:
        connect(server.url("postgres"), timeout=5).dispose()
        used = Path(str(ask(server, "SHOW unix_socket_directories")))
    assert not used.exists(), "a folder in /tmp is removed again"


def test_it_listens_on_its_socket_alone(postgres: EmbeddedPostgres) -> None:
    assert ask(postgres, "SHOW listen_addresses") == ""
    folder = Path(str(ask(postgres, "SHOW unix_socket_directories")))
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_server_that_cannot_start_says_why(servers_folder: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="no_such_setting") as caught:
        EmbeddedPostgres(servers_folder / "wrong", options={"no_such_setting": "1"}).start()
    assert "postgres.log" in (caught.value.hint or "")


def test_an_interrupted_first_start_begins_again(servers_folder: Path) -> None:
    unfinished = servers_folder / "half" / "data.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(servers_folder / "half", options=THROWAWAY) as server:
        assert ask(server, "SELECT 1") == 1


def test_data_of_another_version_is_told(servers_folder: Path) -> None:
    data = servers_folder / "old" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("12\n")
    with pytest.raises(ConfigurationError, match="made by PostgreSQL 12"):
        EmbeddedPostgres(servers_folder / "old").start()


def test_valkey_keeps_what_was_written_when_it_is_killed(servers_folder: Path) -> None:
    folder = servers_folder / ("valkey" * 20)
    process, pid = owner_in_another_process("valkey", "EmbeddedValkey", folder)
    with pytest.raises(ConfigurationError, match="in use"):
        EmbeddedValkey(folder).start()
    server = EmbeddedValkey(folder)
    Redis.from_url(server.url).set("a", "b")
    process.kill()
    process.wait()
    with server:
        assert server.pid == pid
        os.kill(pid, signal.SIGKILL)
        while alive(pid):
            pass
    with EmbeddedValkey(folder) as again:
        assert Redis.from_url(again.url).get("a") == b"b"
    assert again.pid is None


def test_valkey_has_no_port(valkey_url: str) -> None:
    assert Redis.from_url(valkey_url).config_get("port") == {"port": "0"}


@pytest.mark.parametrize("depth", [1, 40, 200])
def test_a_socket_path_always_fits(tmp_path: Path, depth: int) -> None:
    folder = socket_folder(tmp_path / ("x" * depth), longest_name=".s.PGSQL.5432")
    assert len(os.fsencode(folder / ".s.PGSQL.5432")) <= SOCKET_PATH_LIMIT


def test_two_folders_have_two_sockets(tmp_path: Path) -> None:
    names = {socket_folder(tmp_path / ("x" * 150 + str(n)), longest_name="s") for n in range(3)}
    assert len(names) == 3


def test_a_socket_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.symlink_to(tmp_path)
    with pytest.raises(ConfigurationError, match="belongs to another user"):
        make_private(trap)


def test_prefect_can_use_the_same_server(postgres: EmbeddedPostgres) -> None:
    async def ask_as_prefect() -> object:
        engine = create_async_engine(postgres.prefect_url("postgres"))
        try:
            async with engine.connect() as connection:
                return (await connection.execute(text("SELECT 1"))).scalar_one()
        finally:
            await engine.dispose()

    assert asyncio.run(ask_as_prefect()) == 1
