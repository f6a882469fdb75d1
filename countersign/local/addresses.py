"""Where the stack's parts are, as values and as the environment of a process that uses them."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from countersign.local.login import Login
from countersign.private_files import write_private

POOL = "countersign"
# The folder in the state folder for what no database may hold.
TRUST = "trust"

_DAY = 86_400
RETENTION = {
    # Runs and events of Prefect's: what happened is in Countersign's records, which are kept.
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(90 * _DAY),
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P7D",
}
"""How long Prefect keeps what it shows: seconds for runs, for events a duration of ISO 8601, as its settings ask."""
BATCHES = {
    # What workers tell of tasks is written once a second. Prefect's default is a transaction for each state.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    # Or every five seconds, which is Prefect's default.
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "100",
}
"""How many states of tasks, and events, Prefect's server writes at once."""


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Addresses of a running stack, with what its parts show each other to be let in."""

    state_dir: Path
    database_url: str
    prefect_database_url: str
    redis_url: str | None
    port: int
    kubeconfig: Path | None
    prefect_auth: SecretStr
    """NAME:PASSWORD of Prefect's API. Whoever has it is its administrator."""
    web_port: int | None = None
    """The API's and the pages'; None where they are not served."""
    token: SecretStr | None = None
    """What this machine's administrator shows to the API."""

    @property
    def trust_dir(self) -> Path:
        """The folder of the keys that no database may hold."""
        return self.state_dir / TRUST

    @property
    def ui_url(self) -> str:
        """Prefect's pages."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_url(self) -> str:
        """Prefect's API."""
        return f"{self.ui_url}/api"

    @property
    def url(self) -> str | None:
        """The API and the pages. By this name browsers keep the session, and passkeys, as on an encrypted one."""
        return f"http://localhost:{self.web_port}" if self.web_port is not None else None

    def login(self) -> Login:
        """Return what lets an HTTP client into Prefect's API."""
        return Login(self.api_url, self.prefect_auth)

    def environment(self) -> dict[str, str]:
        """Return the variables with which a process finds this stack."""
        found = {
            "COUNTERSIGN_DATABASE_URL": self.database_url,
            "COUNTERSIGN_STATE_DIR": str(self.state_dir),
            "COUNTERSIGN_TRUST_DIR": str(self.trust_dir),
            "PREFECT_API_URL": self.api_url,
            "PREFECT_API_AUTH_STRING": self.prefect_auth.get_secret_value(),
            "PREFECT_HOME": str(self.state_dir / "prefect"),
            "PREFECT_LOGGING_EXTRA_LOGGERS": "countersign",
            "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
            # Nothing of ours speaks to anybody outside.
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
        }
        if self.redis_url:
            found["COUNTERSIGN_REDIS_URL"] = self.redis_url
        if self.url is not None:
            found["COUNTERSIGN_URL"] = self.url
        return found

    def server_environment(self) -> dict[str, str]:
        """Return what Prefect's server needs beyond `environment`."""
        return {
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": self.prefect_database_url,
            "PREFECT_SERVER_API_AUTH_STRING": self.prefect_auth.get_secret_value(),
            "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": self.ui_url,
            "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
            "PREFECT_SERVER_UI_API_URL": self.api_url,
            **RETENTION,
            **BATCHES,
            # A connection beyond the pool is opened for one request, and asks PostgreSQL for its types each time.
            "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": "20",
            # Prefect prepares its pages in a folder; its own package may be read-only or shared by two stacks.
            "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(self.state_dir / "prefect" / "ui"),
        }

    def save(self) -> Path:
        """Write `environment` where its owner's shell can read it (`set -a; . FILE`); return the file."""
        file = self.state_dir / "environment"
        found = self.environment()
        if self.token is not None:
            # For its owner's shell alone: no process of the stack shows it to anybody.
            found["COUNTERSIGN_TOKEN"] = self.token.get_secret_value()
        lines = [f"{name}={shlex.quote(value)}" for name, value in found.items()]
        write_private(file, "\n".join(lines) + "\n")
        return file


def child_environment(addresses: Addresses, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the whole environment of a child: ours, without foreign Prefect settings, usable when empty."""
    kept = {name: value for name, value in inherited.items() if not name.startswith("PREFECT_")}
    home = kept.get("HOME") or str(addresses.state_dir)
    return {
        **kept,
        "HOME": home,
        "PATH": kept.get("PATH", os.defpath),
        "LC_ALL": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        # What they print is kept in files; colours take as long as all the rest of a line.
        "PREFECT_LOGGING_COLORS": "false",
        **addresses.environment(),
    }
