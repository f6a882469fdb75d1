"""Bring Countersign's tables to this program's version, put a first policy in force, and let this user into the API:
`python -m …`, as a process of its own.

Alembic and the tables take a second to import, which passes while Prefect's server starts.
"""

import getpass
import os

from countersign.execution.policy.change import first_policy, make_administrator
from countersign.local.api_token import has_api_token, keep_api_token
from countersign.records.database.engine import connect, transaction
from countersign.records.database.migrate_as_owner import migrate
from countersign.settings import Settings, settings


def prepare(current: Settings) -> None:
    """Migrate, make this user the policy's administrator, and have them sign a first policy, where there is none.

    Raises DatabaseUnavailable, ConfigurationError.
    """
    migrate(current)
    engine = connect(current.database_url, timeout=current.database_timeout_seconds)
    try:
        if current.policy_file is None:
            name = _own_name()
            make_administrator(current.trust_dir, name)
            with transaction(engine) as session:
                first_policy(session, current.trust_dir, name=name)
        if has_api_token(current.trust_dir):
            with transaction(engine) as session:
                keep_api_token(session, current.trust_dir, subject=_own_name())
    finally:
        engine.dispose()


def _own_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid-{os.getuid()}"


if __name__ == "__main__":
    prepare(settings())
