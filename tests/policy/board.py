"""Administrators with keys, a trust folder that pins them, and policies that they put in force."""

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from countersign.execution.policy.change import OwnKey, activate, propose, sign
from countersign.execution.policy.in_force import PolicyOnRecord
from countersign.policy.administrators import FILE, Administrators, administrators_text
from countersign.policy.keys import public_text
from countersign.policy.versions import PolicyVersion
from countersign.records.database.engine import transaction
from countersign.secret_files import replace_secret_file

SIGNERS = "signers:\n  - name: alice\n    ed25519: iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=\n"
"""What makes a policy one that works: alice with the key that tests/policy/people has for her."""
KEYS = {
    name: Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    for number, name in enumerate(("ann", "ben"), 101)
}


def policy(**fields: object) -> str:
    """Return a policy's text with the signers above."""
    return "".join(f"{name}: {value}\n" for name, value in fields.items()) + SIGNERS


def pinned(*names: str, quorum: int = 1) -> Administrators:
    """Return administrators with the keys above."""
    listed = [{"name": name, "ed25519": public_text(KEYS[name].public_key())} for name in names]
    return Administrators.model_validate({"quorum": quorum, "administrators": listed})


@dataclass(frozen=True)
class Board:
    """The administrators and where they are pinned."""

    engine: Engine
    trust_dir: Path
    pinned: Administrators

    def source(self) -> PolicyOnRecord:
        """Return a reader as a new process has it."""
        return PolicyOnRecord(self.engine, self.trust_dir)

    def pin(self, administrators: Administrators) -> "Board":
        """Pin others."""
        replace_secret_file(self.trust_dir, FILE, administrators_text(administrators).encode())
        return Board(self.engine, self.trust_dir, administrators)

    def propose(self, text: str, *, reason: str = "a test") -> PolicyVersion:
        with transaction(self.engine) as session:
            return propose(session, text, author="ann", reason=reason)

    def sign(self, number: int, *names: str) -> None:
        for name in names:
            with transaction(self.engine) as session:
                sign(session, number, OwnKey(name, KEYS[name]), self.pinned)

    def activate(self, number: int) -> None:
        with transaction(self.engine) as session:
            activate(session, number, self.pinned, by="ann")

    def put_in_force(self, text: str, *names: str) -> PolicyVersion:
        """Propose, sign (as everybody pinned unless said) and activate."""
        version = self.propose(text)
        self.sign(version.number, *(names or self.pinned.people))
        self.activate(version.number)
        return version


def board(engine: Engine, trust_dir: Path, *names: str, quorum: int = 1) -> Board:
    """Pin ann, or those named."""
    administrators = pinned(*(names or ("ann",)), quorum=quorum)
    return Board(engine, trust_dir, administrators).pin(administrators)
