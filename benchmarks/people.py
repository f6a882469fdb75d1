"""Who files and signs on a stage. Imported once the stack's environment is in place."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import Engine

from blocks import KubernetesCluster
from countersign.execution.decisions import sign_approval
from countersign.execution.filing import Request, file_request
from countersign.execution.services import Services
from countersign.policy.loading import load_policy
from countersign.policy.signatures import Decision
from countersign.records.database.engine import connect, transaction
from countersign.settings import Settings, settings
from sandbox.demo.household import BLOCK, PEOPLE, make_household, put_policy_in_force

FILES = "carol"


async def settle_in(kubeconfig: SecretStr, database_url: str) -> tuple[Engine, Callable[[str], UUID]]:
    """Save the cluster's block, put a policy in force; return the records and a function that files and signs."""
    household = make_household()
    await KubernetesCluster(cluster_name="sandbox", kubeconfig=kubeconfig).asave(BLOCK, overwrite=True)
    await asyncio.to_thread(put_policy_in_force, household, settings())
    engine = connect(SecretStr(database_url), timeout=5)
    policy = load_policy(household.policy)
    services = Services(Settings(_env_file=None), engine, policy, lambda: policy)

    def approve(action: str) -> UUID:
        request = Request(action=action, requested_by=FILES, risk_level="medium", start="by_hand")
        with transaction(engine) as session:
            approval = file_request(session, request, policy=policy, now=datetime.now(UTC)).approval
            for name in PEOPLE[: approval.required_signatures]:
                key = household.keys[name]
                sign_approval(session, services, approval, signer=name, key=key, decision=Decision.APPROVE)
            return approval.id

    return engine, approve
