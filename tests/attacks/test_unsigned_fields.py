"""Holds the database's owner: changes a field of a signed request that is not its action."""

import pytest

from countersign.execution.decisions import sign_approval
from countersign.policy.signatures import Decision
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from tests.attacks.conftest import Office, Sql, audited

ACTION = "kubectl annotate deployment/web note=seen -n prod --overwrite"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("requested_by", "'alice'"),
        ("required_signatures", "1"),
        ("description", "'INC-666: resolve this one'"),
        ("incident_id", "'INC-666'"),
        ("matched_playbook_id", "'trusted-playbook'"),
        ("details", """'{"probes": ["always-well"]}'"""),
        ("blast_radius", """'{"pods": 0}'"""),
        ("expires_at", "now() + interval '1 year'"),
        ("not_before", "now() - interval '1 day'"),
        ("risk_level", "'low'"),
        ("start", "'by_hand'"),
        ("when_blocked", "'wait'"),
        ("target", """target || '{"names": ["payments"]}'"""),
        ("parameters", """parameters || '{"operation": "delete"}'"""),
        ("action", "'kubectl scale deployment/web --replicas=0 -n prod'"),
    ],
)
def test_a_field_changed_after_signing_sends_nothing(office: Office, as_owner: Sql, column: str, value: str) -> None:
    approval = office.approved(
        ACTION,
        risk="high",
        required_signatures=2,
        description="INC-7: annotate it",
        incident_id="INC-7",
        metadata={"probes": ["shop"]},
        blast_radius={"pods": 3},
    )
    as_owner(f"UPDATE approval SET {column} = {value} WHERE id = :id", id=approval)
    report = office.run(approval)
    assert not report.success
    assert report.outcome == "blocked"
    assert "does not match: what was signed is not what the record holds now" in report.message
    assert "tampering:signature:refused" in audited(office, approval)
    assert not office.cluster.log.mutations()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("parameters", """parameters || '{"operation": "delete"}'"""),
        ("target", """target || '{"names": ["payments"]}'"""),
        ("target", """target || '{"namespace": "staging"}'"""),
        ("target", """target - 'kind'"""),
    ],
)
def test_what_was_changed_before_it_was_signed_is_not_what_the_action_says(
    office: Office, as_owner: Sql, column: str, value: str
) -> None:
    """The signatures hold, over what she wanted to be believed of the action."""
    approval = office.approved(ACTION, risk="low")
    as_owner("DELETE FROM signature")
    as_owner(f"UPDATE approval SET {column} = {value}, status = 'pending' WHERE id = :id", id=approval)
    services = office.services
    with transaction(services.engine) as session:
        sign_approval(
            session,
            services,
            get_approval(session, approval),
            signer="alice",
            key=office.household.keys["alice"],
            decision=Decision.APPROVE,
        )
    report = office.run(approval)
    assert (report.outcome, report.code) == ("blocked", "tampered")
    assert "is not what the action reads to" in report.message
    assert "tampering:request:refused" in audited(office, approval)
    assert not office.cluster.log.mutations()
