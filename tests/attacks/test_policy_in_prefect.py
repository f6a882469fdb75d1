"""Can reach Prefect's port: saves a policy there in which his own key is the only signer."""

import asyncio

import httpx
import pytest

from countersign.errors import NotApproved
from countersign.execution.decisions import sign_approval
from countersign.policy.signatures import Decision
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.settings import settings
from flows.wiring import open_services, records
from tests.attacks.town import ACTION, MALLORY, MALLORYS, Town
from tests.prefect_server import login

pytestmark = pytest.mark.stack
SECRET = "hunter2-the-secret-that-mallory-chose"


def save_policy_block(api: str) -> None:
    """Make a block type as Countersign's was called, and a block with the attacker's policy and secrets."""
    kind = {"name": "Countersign: policy", "slug": "countersign-policy"}
    made = httpx.post(auth=login(api), url=f"{api}/block_types/", json=kind).raise_for_status().json()
    fields = {"type": "object", "properties": {"document": {"type": "string"}, "hmac_secrets": {"type": "object"}}}
    schema = {"block_type_id": made["id"], "fields": fields, "capabilities": []}
    schema_id = httpx.post(auth=login(api), url=f"{api}/block_schemas/", json=schema).raise_for_status().json()["id"]
    data = {"document": MALLORYS, "hmac_secrets": {"demo-auto-approver": SECRET}}
    document = {"name": "default", "data": data, "block_type_id": made["id"], "block_schema_id": schema_id}
    httpx.post(auth=login(api), url=f"{api}/block_documents/", json=document).raise_for_status()


def test_a_policy_in_prefect_decides_nothing(town: Town, prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    save_policy_block(prefect_api)
    approval = town.worker().approved(ACTION)
    url = town.board.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", url)
    monkeypatch.setenv("COUNTERSIGN_TRUST_DIR", str(town.board.trust_dir))
    monkeypatch.setenv("COUNTERSIGN_POLICY_BLOCK", "default")
    settings.cache_clear()
    records.cache_clear()
    services = asyncio.run(open_services())
    try:
        assert [signer.name for signer in services.policy.signers][:2] == ["alice", "bob"]
        assert services.policy == services.reread_policy()
        assert services.policy.four_eyes
        assert services.signing_secrets == {}
        with (
            transaction(services.engine) as session,
            pytest.raises(NotApproved, match="is not in the policy, nor is mallory"),
        ):
            sign_approval(
                session,
                services,
                get_approval(session, approval),
                signer="mallory",
                key=MALLORY,
                decision=Decision.APPROVE,
            )
    finally:
        services.engine.dispose()
        records.cache_clear()
