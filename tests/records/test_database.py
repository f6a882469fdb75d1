"""Connecting: every way it can go wrong is a sentence with a hint, and never tells the password."""

import os
import signal
import socket
from pathlib import Path
from threading import Thread

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from countersign.errors import DatabaseUnavailable
from countersign.local.postgres import THROWAWAY, EmbeddedPostgres
from countersign.records.database.engine import check_schema, connect, statements, transaction

PASSWORD = "s3cr3t-pass"


def refusal(url: SecretStr | str | None, *, timeout: float = 2) -> DatabaseUnavailable:
    with pytest.raises(DatabaseUnavailable) as caught:
        connect(url, timeout=timeout)
    error = caught.value
    assert error.hint
    assert "\n" not in error.message
    for text_ in (error.message, error.hint, repr(error), str(error.__cause__)):
        assert PASSWORD not in text_
    assert error.__cause__ is None
    return error


@pytest.mark.parametrize("url", [None, "", SecretStr("")])
def test_no_address_is_told_with_an_example(url: SecretStr | str | None) -> None:
    error = refusal(url)
    assert error.message == "COUNTERSIGN_DATABASE_URL is not set"
    assert "postgresql+psycopg://" in (error.hint or "")


@pytest.mark.parametrize(
    "url", [f"sqlite:///x?p={PASSWORD}", f"mysql://u:{PASSWORD}@h/d", f"redis://:{PASSWORD}@h/0"]
)
def test_another_database_is_refused_by_name(url: str) -> None:
    assert "needs PostgreSQL" in refusal(SecretStr(url)).message


@pytest.mark.parametrize(
    "url", ["nonsense", f"postgresql://u:{PASSWORD}@h:port/d", f"postgresql://u:{PASSWORD}@h:5432:1/d"]
)
def test_what_is_no_address_is_told(url: str) -> None:
    assert "cannot be read as an address" in refusal(url).message


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_a_port_where_nobody_listens_is_told() -> None:
    port = free_port()
    assert f"127.0.0.1:{port}" in refusal(f"postgresql://u:{PASSWORD}@127.0.0.1:{port}/d").message


def test_a_socket_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert str(tmp_path) in refusal(f"postgresql://u@/d?host={tmp_path}").message


def test_a_server_that_does_not_answer_is_told_in_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        assert "not answer in time" in refusal(f"postgresql://u:{PASSWORD}@127.0.0.1:{port}/d").message


def test_something_else_on_the_port_is_told() -> None:
    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.socket() as web:
        web.bind(("127.0.0.1", 0))
        web.listen()
        thread = Thread(target=answer, args=(web,))
        thread.start()
        refusal(f"postgresql://u:{PASSWORD}@127.0.0.1:{web.getsockname()[1]}/d")
        thread.join()


def test_an_unknown_host_is_told() -> None:
    assert "no-such-host.invalid" in refusal(f"postgresql://u:{PASSWORD}@no-such-host.invalid/d").message


def test_an_unknown_database_is_told(postgres: EmbeddedPostgres) -> None:
    assert "no database nowhere" in refusal(postgres.url("nowhere")).message


def test_a_wrong_password_and_an_unknown_user_are_told(servers_folder: Path) -> None:
    with EmbeddedPostgres(servers_folder / "with-password", options=THROWAWAY) as server:
        with server._connect() as connection:
            connection.execute("CREATE ROLE carol LOGIN PASSWORD 'right'")
            rules = connection.execute("SHOW hba_file").fetchone()
            assert rules
            Path(rules[0]).write_text("local all postgres,mallory trust\nlocal all carol scram-sha-256\n")
            connection.execute("SELECT pg_reload_conf()")
        error = refusal(server.url("postgres").replace("postgres@/", f"carol:{PASSWORD}@/"))
        assert error.message.endswith("refuses the password of user carol")
        error = refusal(server.url("postgres").replace("postgres@/", f"dan:{PASSWORD}@/"))
        assert "pg_hba.conf" in (error.hint or "")
        error = refusal(server.url("postgres").replace("postgres@/", f"mallory:{PASSWORD}@/"))
        assert "no user mallory" in error.message


def test_a_connection_that_is_cut_is_told_and_the_next_one_works(engine: Engine) -> None:
    with pytest.raises(DatabaseUnavailable, match="was lost"), transaction(engine) as session:
        pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
        os.kill(pid, signal.SIGTERM)
        while True:
            session.execute(text("SELECT 1"))
    with transaction(engine) as session:
        assert session.execute(text("SELECT 1")).scalar_one() == 1


def test_a_failing_statement_does_not_repeat_its_values(engine: Engine) -> None:
    with pytest.raises(Exception) as caught, transaction(engine) as session:
        session.execute(text("SELECT 1 / (:value)::int - length(:secret)"), {"value": 0, "secret": PASSWORD})
    assert PASSWORD not in str(caught.value)


def test_missing_tables_are_told(empty_database_url: str) -> None:
    empty = connect(empty_database_url, timeout=5)
    with pytest.raises(DatabaseUnavailable, match="no tables") as caught:
        check_schema(empty)
    assert caught.value.hint == "run `countersign migrate`"
    empty.dispose()


@pytest.mark.all_rights
def test_tables_of_a_newer_version_are_told(engine: Engine) -> None:
    check_schema(engine)
    with transaction(engine) as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'ffff'"))
    with pytest.raises(DatabaseUnavailable, match="newer"):
        check_schema(engine)


def test_a_process_that_uses_all_its_connections_is_told(engine: Engine) -> None:
    engine.pool._timeout = 0  # type: ignore[attr-defined]
    taken = [engine.connect() for _ in range(30)]
    with pytest.raises(DatabaseUnavailable, match="are in use"), transaction(engine) as session:
        session.execute(text("SELECT 1"))
    for connection in taken:
        connection.close()


def test_a_server_that_vanishes_without_a_word_is_noticed_within_a_lease(engine: Engine) -> None:
    with engine.connect() as connection:
        chosen = connection.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr]
    silence = int(chosen["keepalives_idle"]) + int(chosen["keepalives_interval"]) * int(chosen["keepalives_count"])
    assert silence < 30
    assert 0 < int(chosen["tcp_user_timeout"]) < 30_000


def test_a_row_that_stays_locked_is_an_error_with_a_sentence(database_url: str) -> None:
    engine = connect(database_url, timeout=5)
    lock = text("SELECT FROM control FOR UPDATE")
    try:
        with transaction(engine) as holder:
            holder.execute(lock)
            with pytest.raises(DatabaseUnavailable, match="row locked"), transaction(engine) as other:
                other.execute(text("SET LOCAL lock_timeout = '50ms'"))
                other.execute(lock)
    finally:
        engine.dispose()


def test_a_session_paused_in_a_transaction_ends_before_those_who_wait_for_it_give_up(engine: Engine) -> None:
    with transaction(engine) as session:
        asked = text("SELECT name, setting::int AS setting FROM pg_settings WHERE name IN ('lock_timeout', :idle)")
        rows = session.execute(asked, {"idle": "idle_in_transaction_session_timeout"})
        found = {row.name: row.setting for row in rows}
    assert 0 < found["idle_in_transaction_session_timeout"] <= found["lock_timeout"] / 2


def test_a_connection_that_its_server_ended_is_replaced_before_it_is_used(engine: Engine) -> None:
    with statements(engine) as session:
        backend = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
    other = connect(engine.url.render_as_string(hide_password=False), timeout=5)
    with statements(other) as session:
        assert session.execute(text("SELECT pg_terminate_backend(:pid, 60000)"), {"pid": backend}).scalar_one()
    other.dispose()
    with statements(engine) as session:
        assert session.execute(text("SELECT pg_backend_pid()")).scalar_one() != backend


def test_a_statement_of_its_own_is_there_for_others_at_once_and_a_transaction_follows(engine: Engine) -> None:
    with statements(engine) as session:
        session.execute(text("UPDATE control SET reason = 'at once' WHERE name = 'kill_switch'"))
        with transaction(engine) as other:
            assert (
                other.execute(text("SELECT reason FROM control WHERE name = 'kill_switch'")).scalar_one() == "at once"
            )
    with pytest.raises(ZeroDivisionError), transaction(engine) as session:
        session.execute(text("UPDATE control SET reason = 'undone' WHERE name = 'kill_switch'"))
        raise ZeroDivisionError
    with statements(engine) as session:
        assert (
            session.execute(text("SELECT reason FROM control WHERE name = 'kill_switch'")).scalar_one() == "at once"
        )
