"""Everything Countersign needs, on this machine, in one folder: started together, watched, stopped together.

    with Stack(Path(".countersign")) as stack:
        print(stack.addresses.ui_url)

One supervisor per folder. Two stacks in two folders do not meet: unix sockets lie in the folders, ports are the
kernel's choice and are held open from the moment they are chosen.
"""

import json
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from sqlalchemy import make_url

import countersign
from countersign.audit.heads import make_sealing_key
from countersign.errors import ConfigurationError, CountersignError
from countersign.execution.plan_seal import make_seal
from countersign.local.addresses import POOL, TRUST, Addresses, child_environment
from countersign.local.api_token import api_token
from countersign.local.child import Child, Program, end_leftovers
from countersign.local.databases import make_databases
from countersign.local.ownership import Ownership
from countersign.local.postgres import DURABLE, EmbeddedPostgres, server_group
from countersign.local.prefect_auth import FILE, prefect_auth
from countersign.local.running import Running
from countersign.local.supervisor import Supervisor
from countersign.local.valkey import EmbeddedValkey
from countersign.logging import get_logger
from countersign.private_files import make_private_folder, write_private
from countersign.processes import started_at

READY_SECONDS = 240.0
# Runs at the same time, over all workers of the pool.
BACKLOG = 1024
# The sandbox host's name in its block and in actions.
HOST = "web-1"
TEND_SECONDS = 1.0
TEND_AGAIN_SECONDS = 10.0

_log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One line of what runs where."""

    name: str
    address: str
    pid: int | None


class Stack(Running):
    """PostgreSQL, Valkey, Prefect's server, the deployments, warm workers, a sandbox cluster and a sandbox host.

    `state_dir` holds data, logs and pid files. `port` is Prefect's (0: the one used last time, or any).
    `web_port` is the API's and the pages' in the same way, None for neither.
    `workers` is how many warm workers serve the pool; `project` the folder with prefect.yaml (default: the
    current one if it has one, else Countersign's); `sandbox` whether the sandbox cluster and host run (None: where
    they are installed); `environment` adds variables for every child. Raises ConfigurationError where the sandbox is
    wanted and not installed.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        project: Path | None = None,
        port: int = 0,
        web_port: int | None = 0,
        workers: int = 1,
        sandbox: bool | None = None,
        postgres_options: Mapping[str, str] = DURABLE,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._state_dir = state_dir.resolve()
        self._project = (project or _project()).resolve()
        self._port = port
        self._web_port = web_port
        self._workers = workers
        self._sandbox = _with_sandbox(sandbox)
        self._postgres = EmbeddedPostgres(self._state_dir / "postgres", options=postgres_options)
        self._valkey = EmbeddedValkey(self._state_dir / "valkey")
        self._extra = dict(environment or {})
        self._addresses: Addresses | None = None
        self._children: dict[str, Child] = {}
        self._supervisor: Supervisor | None = None
        self._close = ExitStack()
        self._next_look = 0.0
        self._pids: dict[str, int] = {}
        self.left_behind: list[str] = []
        """Names of the processes of an earlier, killed supervisor that `start` ended."""

    # --- life ---------------------------------------------------------------------------------------

    def start(self, *, timeout: float = READY_SECONDS) -> None:
        """Start everything and return when it is ready to execute.

        Raises ConfigurationError: the folder is in use or cannot be written, the port is taken, a part did
        not start (with its last words).
        """
        with ExitStack() as undo:
            self._own_folder(undo)
            self.left_behind = end_leftovers(self._state_dir)
            listener = undo.enter_context(_listen(self._port, remembered=self._state_dir / "port"))
            web = None
            if self._web_port is not None:
                web = undo.enter_context(_listen(self._web_port, remembered=self._state_dir / "web-port"))
            undo.callback(self._postgres.stop)
            self._start(self._postgres)
            trust = self._state_dir / TRUST
            databases = make_databases(self._postgres, trust)
            undo.callback(self._valkey.stop)
            self._start(self._valkey)
            self._addresses = Addresses(
                state_dir=self._state_dir,
                prefect_auth=prefect_auth(trust),
                database_url=databases.running,
                prefect_database_url=databases.prefect,
                redis_url=self._valkey.url,
                port=listener.getsockname()[1],
                kubeconfig=self._state_dir / "kubeconfig" if self._sandbox else None,
                web_port=web.getsockname()[1] if web is not None else None,
                token=api_token(trust) if web is not None else None,
            )
            make_seal(trust)
            make_sealing_key(trust)
            self._addresses.save()
            self._children = {
                program.name: Child(program, state_dir=self._state_dir)
                for program in self._programs(listener, web, owner_url=databases.owner)
            }
            self._supervisor = Supervisor(list(self._children.values()), tend=self._tend)
            undo.callback(self._supervisor.stop)
            self._supervisor.start(timeout=timeout)
            if web is not None:
                # One that was revoked has been replaced meanwhile.
                self._addresses = replace(self._addresses, token=api_token(trust))
                self._addresses.save()
            self._close = undo.pop_all()

    def stop(self) -> None:
        """Stop everything, workers first. Harmless when nothing runs."""
        self._close.close()

    # --- what runs ----------------------------------------------------------------------------------

    @property
    def addresses(self) -> Addresses:
        """Where everything is. Only after `start`."""
        assert self._addresses is not None, "the stack has not been started"
        return self._addresses

    @property
    def login_file(self) -> Path:
        """The file that shows its owner what Prefect's pages ask for."""
        return self._state_dir / TRUST / FILE

    def environment(self) -> dict[str, str]:
        """Return the whole environment of a process that uses this stack."""
        return {**child_environment(self.addresses), **self._extra}

    def parts(self) -> Iterator[Part]:
        """What runs where, in the order in which it was started."""
        shown = make_url(self.addresses.database_url).set(password=None)
        yield Part(name="PostgreSQL", address=shown.render_as_string(), pid=self._postgres.pid)
        yield Part(name="Valkey", address=self._valkey.url, pid=self._valkey.pid)
        for name, child in self._children.items():
            if not child.program.once:
                address = {
                    "prefect-server": self.addresses.ui_url,
                    "web": str(self.addresses.url),
                    "cluster": str(self.addresses.kubeconfig),
                    "host": f"ssh {HOST} (in the block default)",
                }
                yield Part(name=name, address=address.get(name, f"pool {POOL}"), pid=child.pid)

    def log(self, name: str) -> str:
        """Return what the child `name` has printed since its last start."""
        return self._children[name].output()

    def check(self) -> None:
        """Raise what made the supervisor give up, if it has."""
        if self._supervisor is not None and self._supervisor.failure is not None:
            raise self._supervisor.failure

    # --- inside -------------------------------------------------------------------------------------

    def _own_folder(self, undo: ExitStack) -> None:
        try:
            make_private_folder(self._state_dir, passing_group=server_group())
            ownership = Ownership(self._state_dir)
            ownership.take()
        except OSError as error:
            raise ConfigurationError(
                f"The state folder {self._state_dir} cannot be used: {error.strerror}.",
                hint="choose another one with --state-dir or COUNTERSIGN_STATE_DIR",
            ) from None
        undo.callback(ownership.give_up)

    def _start(self, server: EmbeddedPostgres | EmbeddedValkey) -> None:
        server.start()
        if server.pid is not None:
            self._pids[type(server).__name__] = server.pid

    def _programs(self, listener: socket.socket, web: socket.socket | None, *, owner_url: str) -> Iterator[Program]:
        environment = self.environment()
        python = (sys.executable, "-m")
        yield Program(
            name="prefect-server",
            argv=(*python, "countersign.local.prefect_server", str(listener.fileno())),
            environment={**environment, **self.addresses.server_environment()},
            ready=self._server_answers,
            folder=self._state_dir,
            descriptors=(listener.fileno(),),
        )
        yield Program(
            name="migrations",
            argv=(*python, "countersign.local.migrations"),
            # No other process can change the tables, or what is in the trails.
            environment={**environment, "COUNTERSIGN_DATABASE_OWNER_URL": owner_url},
            ready=bool,
            folder=self._state_dir,
            once=True,
        )
        registration = [*python, "countersign.local.registration", "--pool", POOL]
        if self.addresses.kubeconfig is not None:
            # A file of an earlier start would be taken for this one's.
            self.addresses.kubeconfig.unlink(missing_ok=True)
            registration += ["--kubeconfig", str(self.addresses.kubeconfig)]
            # With its state in a file, a cluster that is killed comes back as it was.
            files = {"kubeconfig": "kubeconfig", "state": "cluster.jsonl", "mutations": "mutations.jsonl"}
            where = [word for option, name in files.items() for word in (f"--{option}", str(self._state_dir / name))]
            cluster = [*python, "sandbox.cluster", *where]
            yield Program(
                name="cluster",
                argv=(*cluster, "--port", "0"),
                environment=environment,
                ready=lambda printed: _announced_port(printed) is not None,
                folder=self._state_dir,
                # The block holds the address, so it has to stay.
                again=on_the_same_port(cluster),
            )
            announced = self._state_dir / "host.json"
            announced.unlink(missing_ok=True)
            registration += ["--host", str(announced)]
            # The stand-in server ends with its process, whatever ends that.
            server = ("--name", HOST, "--user", "countersign", "--server", "standin")
            folders = ("--folder", str(self._state_dir / "host"), "--announce", str(announced))
            host = [*python, "sandbox.hosts", *server, *folders]
            yield Program(
                name="host",
                argv=(*host, "--port", "0"),
                environment=environment,
                ready=lambda printed: _announced_port(printed) is not None,
                folder=self._state_dir,
                again=on_the_same_port(host),
            )
        yield Program(
            name="registration",
            argv=registration,
            environment=environment,
            ready=bool,
            folder=self._project,
            once=True,
        )
        if web is not None:
            yield Program(
                name="web",
                argv=(*python, "countersign.web", str(web.fileno())),
                environment=environment,
                ready=lambda _printed: _answers(f"{self.addresses.url}/healthz"),
                folder=self._project,
                descriptors=(web.fileno(),),
            )
        for number in range(1, self._workers + 1):
            yield Program(
                name=f"worker-{number}",
                argv=(*python, "countersign.worker", "--pool", POOL, "--name", f"warm-{number}"),
                environment=environment,
                ready=lambda printed: "started!" in printed,
                folder=self._project,
            )

    def _server_answers(self, _printed: str) -> bool:
        return _answers(f"{self.addresses.api_url}/health")

    def _tend(self) -> None:
        """Restart PostgreSQL or Valkey if it has died; everybody else waits for them."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + TEND_SECONDS
        for server in (self._postgres, self._valkey):
            # By its process, not by its answers: a server that is slow must not be restarted.
            pid = self._pids.get(type(server).__name__)
            if pid is None or started_at(pid) is not None:
                continue
            _log.warning("server died, restarting", server=type(server).__name__)
            try:
                server.stop()
                self._start(server)
            except CountersignError as error:
                _log.warning("server does not start", server=type(server).__name__, error=error.message)
                self._next_look = time.monotonic() + TEND_AGAIN_SECONDS


def _answers(address: str) -> bool:
    with suppress(URLError, OSError), urlopen(address, timeout=1) as answer:  # noqa: S310
        return bool(answer.status == 200)
    return False


def _with_sandbox(wanted: bool | None) -> bool:
    installed = find_spec("sandbox") is not None and find_spec("sandbox.cluster") is not None
    if wanted and not installed:
        raise ConfigurationError(
            "The sandbox is not installed here.",
            hint="it is in Countersign's source; `countersign clusters add` connects your own cluster",
        )
    return installed if wanted is None else wanted


def on_the_same_port(command: Sequence[str]) -> Callable[[str], Sequence[str]]:
    """Return how a server is started again, given what it printed: one that died before it said its port had the one
    that the last one had.
    """
    port = 0

    def again(printed: str) -> Sequence[str]:
        nonlocal port
        port = _announced_port(printed) or port
        return (*command, "--port", str(port))

    return again


def _announced_port(printed: str) -> int | None:
    """Return the port in the line of JSON with which the cluster or the host says that it is ready."""
    for line in printed.splitlines():
        with suppress(ValueError, KeyError, TypeError):
            said = json.loads(line)
            return int(said["port"]) if "port" in said else urlsplit(str(said["url"])).port
    return None


def _project() -> Path:
    """Return the folder whose deployments are meant: this one if it has any, else Countersign's own."""
    here = Path.cwd()
    return here if (here / "prefect.yaml").exists() else Path(countersign.__file__).parent.parent


@contextmanager
def _listen(port: int, *, remembered: Path) -> Iterator[socket.socket]:
    """Open the socket that a server will serve: `port`, else last time's, else any free one."""
    wanted = [port] if port else []
    if not port:
        with suppress(OSError, ValueError):
            wanted.append(int(remembered.read_text()))
        wanted.append(0)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for candidate in wanted:
            try:
                listener.bind(("127.0.0.1", candidate))
                break
            except OSError as error:
                if candidate == wanted[-1]:
                    raise ConfigurationError(
                        f"Port {candidate} cannot be used: {error.strerror}.",
                        hint="leave out --port to get a free one",
                    ) from None
        listener.listen(BACKLOG)
        write_private(remembered, f"{listener.getsockname()[1]}\n")
        yield listener
