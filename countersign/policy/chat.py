"""Where a click in a chat counts as a signature: for which risk, and beside how many people who signed themselves."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from countersign.policy.keys import key_id_of, load_public_key
from countersign.policy.risk import Count, PerRisk, RiskLevel
from countersign.policy.signers import PublicKey


class BesidePerRisk(PerRisk[Count | None]):
    """How many people have to have signed with keys of their own before a click counts; null: it never does."""

    low: Count | None = None
    medium: Count | None = None
    high: Count | None = None
    critical: Count | None = None


class ChatRule(BaseModel):
    """Whose clicks are believed, and where. An account is an entry of `signers`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    servers: Annotated[tuple[PublicKey, ...], Field(min_length=1)]
    """Public keys of the servers that sign for clicks (`countersign chat key`)."""
    beside: BesidePerRisk = BesidePerRisk()

    def counts_beside(self, risk: RiskLevel) -> int | None:
        """Return beside how many other signatures a click counts for `risk`, None where it does not."""
        return self.beside.at(risk)

    def knows(self, server: str) -> bool:
        """Tell whether the key with this id is a server's."""
        return any(key_id_of(load_public_key(key)) == server for key in self.servers)
