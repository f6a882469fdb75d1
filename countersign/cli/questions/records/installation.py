"""The installation, as the records and Prefect on this machine have it."""

import asyncio

from countersign.cli.opened import open_for_commands, open_records
from countersign.cli.options import acting
from countersign.cli.questions.answers import RunTakers, WhoAsks
from countersign.errors import ConfigurationError
from countersign.execution.standing import Standing, standing
from countersign.policy.access import Identity, roles_of
from countersign.records.control import Switch, kill_switch, set_kill_switch
from countersign.records.database.engine import transaction


class InstallationOnRecord:
    """About the installation as a whole."""

    def standing(self) -> Standing:
        """Return how things stand."""
        with transaction(open_records()) as session:
            return standing(session)

    def takers(self) -> RunTakers:
        """Ask Prefect who takes runs."""
        from countersign.worker.availability import takers_of  # noqa: PLC0415 - Prefect takes two seconds to import
        from countersign.worker.run_starter import EXECUTE_APPROVAL  # noqa: PLC0415

        try:
            found = asyncio.run(takers_of(EXECUTE_APPROVAL))
        except ConfigurationError as error:
            return RunTakers(None, (), error)
        return RunTakers(found.pool, found.online, found.obstacle)

    def switch(self) -> Switch:
        """Return the kill switch."""
        with transaction(open_records()) as session:
            return kill_switch(session)

    def turn(self, on: bool, *, by: str | None, reason: str) -> Switch:
        """Turn the kill switch."""
        with transaction(open_records()) as session:
            return set_kill_switch(session, on, by=acting(by), reason=reason)

    def who_asks(self) -> WhoAsks:
        """Return the login name, and the roles that the policy gives it; nobody asks for them here."""
        who = Identity(acting(None))
        return WhoAsks(who.name, who.kind.value, (), roles_of(open_for_commands().policy, who), None)
