"""The people, the policy and the blocks that the demonstration needs. Keys are made afresh and kept in memory."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from blocks import KubernetesCluster, NotificationChannels
from countersign.execution.hmac_secrets import FILE as SECRETS
from countersign.execution.policy.change import machines_key, publish
from countersign.execution.policy.in_force import pinned_administrators
from countersign.policy.keys import generate_ed25519, load_private_key
from countersign.records.database.engine import connect, transaction
from countersign.secret_files import replace_secret_file
from countersign.settings import Settings, settings
from sandbox.demo.cases import FROZEN_NAMESPACE
from sandbox.demo.mailbox import CHANNEL, CHANNELS_BLOCK

PEOPLE = ("alice", "bob")
AUTO_APPROVER = "auto_approver"
ADMINISTRATOR = "dora"
"""The one whose requests may prune on hosts."""
AUTO_KEY = "demo-auto-approver"
BLOCK = "default"


@dataclass(frozen=True)
class Household:
    """Who can sign, and the policy that knows them."""

    keys: Mapping[str, Ed25519PrivateKey]
    auto_secret: SecretStr
    policy: str
    """YAML."""


def make_household() -> Household:
    """Make keys for everybody and a policy that names them."""
    private, public = {}, {}
    for name in PEOPLE:
        pem, public[name] = generate_ed25519()
        private[name] = load_private_key(pem)
    policy = {
        "signers": [
            *({"name": name, "ed25519": public[name]} for name in PEOPLE),
            {"name": AUTO_APPROVER, "hmac": AUTO_KEY, "may_sign": "low"},
        ],
        "auto_approver": {"enabled": True},
        "host_gateway": {
            "agents": [
                {"agent": "*", "scopes": ["read", "write"]},
                {"agent": ADMINISTRATOR, "scopes": ["read", "write", "admin"]},
            ],
            "projects": [{"project": "default", "environments": ["sandbox"]}],
        },
        "rollback": {"operations": ["set_image"], "namespaces": ["staging"]},
        "freeze_windows": [
            {
                "reason": "the demonstration keeps this namespace frozen",
                "namespaces": [FROZEN_NAMESPACE],
                "start": "2020-01-01T00:00:00Z",
                "end": "2100-01-01T00:00:00Z",
            }
        ],
    }
    return Household(private, SecretStr(secrets.token_urlsafe(32)), yaml.safe_dump(policy, sort_keys=False))


async def move_in(household: Household, kubeconfig: SecretStr) -> None:
    """Fill in the cluster's block as a person would in the UI, and put the household's policy in force.

    `kubeconfig` is the file's text.
    """
    cluster = KubernetesCluster(cluster_name="sandbox", kubeconfig=kubeconfig)
    await cluster.asave(BLOCK, overwrite=True)
    await asyncio.to_thread(put_policy_in_force, household, settings())


def put_policy_in_force(household: Household, current: Settings) -> None:
    """Have this machine's administrator propose, sign and activate the household's policy, and keep its secrets."""
    secret = yaml.safe_dump({AUTO_KEY: household.auto_secret.get_secret_value()})
    replace_secret_file(current.trust_dir, SECRETS, secret.encode("ascii"))
    pinned = pinned_administrators(current.trust_dir)
    own = machines_key(current.trust_dir, pinned)
    engine = connect(current.database_url, timeout=current.database_timeout_seconds)
    try:
        with transaction(engine) as session:
            publish(session, household.policy, author="demo", reason="the household's", own=own, pinned=pinned)
    finally:
        engine.dispose()


async def save_channel(address: str) -> None:
    """Have everything that happens during the demonstration told to the channel at `address`."""
    block = NotificationChannels.model_validate({"channels": [{"name": CHANNEL}], "urls": {CHANNEL: address}})
    await block.asave(CHANNELS_BLOCK, overwrite=True)
