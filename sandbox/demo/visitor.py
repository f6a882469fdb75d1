"""Whoever looks at the demonstration: a name in the policy, a key, a link to log in, approvals that wait for them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from countersign.execution.access import offer_login
from countersign.execution.filing import Request, file_at
from countersign.execution.policy.change import machines_key, publish
from countersign.execution.policy.in_force import pinned_administrators
from countersign.execution.services import Services
from countersign.policy.entering import with_signer
from countersign.policy.keys import generate_ed25519
from countersign.policy.roles import Role
from countersign.policy.signers import Signer
from countersign.private_files import write_private
from countersign.records.database.engine import transaction
from countersign.records.database.identifiers import short_id
from countersign.records.policy_versions import get_version, in_force

NAME: Final = "visitor"
REQUESTER: Final = "carol"
WAITING: Final = (
    ("kubectl rollout restart deployment/api -n prod", "The pods answer slowly since the last deployment."),
    (
        "kubectl set image deployment/web app=registry.local/web:missing -n staging",
        "Sign this one to watch a change that makes things worse being taken back.",
    ),
)
"""What waits for the visitor's signature, and why it was asked for."""


@dataclass(frozen=True)
class Welcome:
    """What the visitor is told."""

    address: str
    """Logs in once."""
    key: Path
    waiting: tuple[str, ...]
    """Short ids."""


def welcome(services: Services, address: str, folder: Path) -> Welcome:
    """Enter the visitor in the policy with every role, file what waits for them, and make their link."""
    key = folder / f"{NAME}.key"
    private, public = generate_ed25519()
    write_private(key, private.get_secret_value())
    _enter(services, Signer(name=NAME, ed25519=public))
    with transaction(services.engine) as session:
        waiting = [
            file_at(session, services, Request(action=action, requested_by=REQUESTER, description=why)).approval.id
            for action, why in WAITING
        ]
        link = offer_login(session, services.seal, subject=NAME, by="the demonstration")
    shown = f"{address}/login?code={link.secret.get_secret_value()}"
    return Welcome(shown, key, tuple(map(short_id, waiting)))


def _enter(services: Services, signer: Signer) -> None:
    """Publish a version of the policy with the visitor in it, by this machine's administrator."""
    trust = services.settings.trust_dir
    pinned = pinned_administrators(trust)
    own = machines_key(trust, pinned)
    with transaction(services.engine) as session:
        mark = in_force(session)
        assert mark is not None and mark.number is not None, "the demonstration has put its policy in force"
        text = with_signer(get_version(session, mark.number).document, signer)
        grant = {"roles": [{"roles": [role.value for role in Role], "subjects": [NAME, own.administrator]}]}
        text = f"{text.rstrip()}\n{yaml.safe_dump(grant, sort_keys=False)}"
        publish(session, text, author="demo", reason="somebody looks", own=own, pinned=pinned)
