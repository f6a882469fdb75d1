"""The stack's databases: whose they are, and with which passwords one gets in.

Countersign's belongs to a role that migrates, and is used by another that may only do what the code does. Prefect's
belongs to a third. None of them gets into the other's database.
"""

from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from countersign.local.postgres import EmbeddedPostgres
from countersign.local.roles import Role
from countersign.secret_files import make_key

OWNER, RUNNING, PREFECT = "countersign_owner", "countersign", "prefect"


@dataclass(frozen=True, kw_only=True)
class Databases:
    """Addresses with passwords: for what runs, for what migrates, and for Prefect's server."""

    running: str
    owner: str
    prefect: str


def make_databases(postgres: EmbeddedPostgres, trust: Path) -> Databases:
    """Make what is missing on the server that runs; passwords are files in the folder `trust`.

    Raises ConfigurationError where these cannot be read or written.
    """
    owner, running, prefect = (_role(postgres, name, trust) for name in (OWNER, RUNNING, PREFECT))
    for database, role in (("countersign", owner), ("prefect", prefect)):
        postgres.create_database(database)
        postgres.hand_over(database, role)
    return Databases(
        running=postgres.url("countersign", running),
        owner=postgres.url("countersign", owner),
        prefect=postgres.prefect_url("prefect", prefect),
    )


def password_file(role: str) -> str:
    """Return the name of the file in the trust folder that has a role's password."""
    return f"database-password-{role.replace('_', '-')}"


def _role(postgres: EmbeddedPostgres, name: str, trust: Path) -> Role:
    password = make_key(trust, password_file(name)).decode()
    role = Role(name, SecretStr(password))
    postgres.make_role(role)
    return role
