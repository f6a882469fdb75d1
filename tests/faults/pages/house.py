"""Who works on the pages, with records and a policy that a web process of its own reads."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import yaml
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.sync_api import Browser, Page
from sqlalchemy import Engine
from sqlmodel import Session

from countersign.execution.access import Method, begin_session
from countersign.execution.decisions import sign_approval
from countersign.execution.filing import Request, file_request
from countersign.execution.plan_seal import read_seal
from countersign.execution.services import Services
from countersign.policy.access import Identity
from countersign.policy.loading import load_policy
from countersign.policy.signatures import Decision
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.settings import Settings
from countersign.web.acting import COOKIE
from sandbox.demo.household import Household
from tests.planted import plant
from tests.policy.authenticator import Authenticator

READERS = tuple(f"reader-{number}" for number in range(1, 6))
CLICKS = "bob"
"""Who signs with a passkey."""


@dataclass(frozen=True)
class PagesHouse:
    """The records, and a policy in which somebody signs by passkey."""

    engine: Engine
    household: Household
    trust_dir: Path
    policy_file: Path
    device: Authenticator
    """Which has the passkey."""

    @property
    def services(self) -> Services:
        """What the test itself files and signs with."""
        policy = load_policy(self.policy_file.read_text())
        settings = Settings(trust_dir=self.trust_dir)
        return Services(settings=settings, engine=self.engine, policy=policy, reread_policy=lambda: policy)

    def environment(self, database_url: str) -> Mapping[str, str]:
        """Return the settings of a web process. Prefect is away, which no page waits for."""
        return {
            "COUNTERSIGN_DATABASE_URL": database_url,
            "COUNTERSIGN_POLICY_FILE": str(self.policy_file),
            "COUNTERSIGN_TRUST_DIR": str(self.trust_dir),
            "COUNTERSIGN_WEB_REQUESTS_PER_MINUTE": "100000",
            "PREFECT_API_URL": "http://127.0.0.1:9/api",
        }

    def filed(self, name: str) -> UUID:
        """File a restart of a Deployment of this name."""
        request = Request(
            action=f"kubectl rollout restart deployment/{name} -n prod",
            requested_by="carol",
            risk_level="medium",
            start="by_hand",
        )
        with transaction(self.engine) as session:
            return file_request(session, request, policy=self.services.policy, now=datetime.now(UTC)).approval.id

    def decided(self, approval_id: UUID, decision: Decision, *, by: str = "alice") -> None:
        """Sign by an own key, past the pages."""
        with transaction(self.engine) as session:
            self._decide(session, approval_id, decision, by)

    def _decide(self, session: Session, approval_id: UUID, decision: Decision, by: str) -> None:
        approval = get_approval(session, approval_id)
        sign_approval(session, self.services, approval, signer=by, key=self.household.keys[by], decision=decision)

    def secret_of(self, name: str) -> str:
        """Return the secret of a new session of `name`."""
        with transaction(self.engine) as session:
            shown = begin_session(session, read_seal(self.trust_dir), Identity(name), method=Method.CODE)
        return plant(shown.secret.get_secret_value())

    def cookie_of(self, name: str) -> str:
        """Return the header with which `name` is logged in."""
        return f"{COOKIE}={self.secret_of(name)}"

    def open_page(self, chromium: Browser, address: str, name: str) -> Page:
        """Open a window of its own in which `name` is logged in, at a device that has the passkey."""
        context = chromium.new_context(base_url=address, locale="en-US")
        secret = self.secret_of(name)
        context.add_cookies(
            [{"name": COOKIE, "value": secret, "url": address.replace("http:", "https:"), "secure": True}]
        )
        page = context.new_page()
        devices = context.new_cdp_session(page)
        devices.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        device = devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
        private = self.device.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        credential = {
            "credentialId": base64.b64encode(hashlib.sha256(private).digest()).decode("ascii"),
            "isResidentCredential": True,
            "rpId": "localhost",
            "privateKey": base64.b64encode(private).decode("ascii"),
            "userHandle": base64.b64encode(name.encode()).decode("ascii"),
            "signCount": 0,
        }
        devices.send("WebAuthn.addCredential", {"authenticatorId": device, "credential": credential})
        return page


def make_house(engine: Engine, household: Household, trust_dir: Path, folder: Path) -> PagesHouse:
    """Return one with a new passkey of `CLICKS` in its policy."""
    device = Authenticator("localhost")
    policy = yaml.safe_load(household.policy)
    policy["signers"] = [
        *(each for each in policy["signers"] if each["name"] != CLICKS),
        {"name": CLICKS, "passkey": device.passkey.model_dump()},
    ]
    policy["roles"] = [
        {"roles": ["viewer"], "subjects": list(READERS)},
        {"roles": ["approver", "executor", "policy_admin"], "subjects": [CLICKS]},
    ]
    file = folder / "policy.yaml"
    file.write_text(yaml.safe_dump(policy, sort_keys=False))
    file.chmod(0o600)
    return PagesHouse(engine, household, trust_dir, file, device)
