"""What a signer sees before signing: every field that is bound, the bytes, and nothing that hides."""

from datetime import UTC, datetime
from io import StringIO
from uuid import UUID

from rich.console import Console

from countersign.cli.signing import print_what_is_signed, signing_of
from countersign.execution.filing import parameters_of, reading_of, signed_content, target_of
from countersign.policy.signatures import Decision, signed_bytes
from countersign.records.states import RiskLevel
from countersign.records.tables import Approval

ACTION = "kubectl rollout restart deployment/api -n prod"
APPROVAL = Approval(
    id=UUID("0192d1c6-6f6e-7a8e-9d43-3c1d9e2f4a5b"),
    action=ACTION,
    description="INC-7: api hangs\nsince noon\u202e",
    risk_level=RiskLevel.HIGH,
    requested_by="dora",
    required_signatures=2,
    blast_radius={"pods": 3},
    incident_id="INC-7",
    expires_at=datetime(2026, 12, 20, tzinfo=UTC),
    details={"probes": ["api-health"]},
    target=target_of(reading_of(ACTION)),
    parameters=parameters_of(reading_of(ACTION)),
)


def screen() -> str:
    out = StringIO()
    signing = signing_of(APPROVAL, signer="alice", decision=Decision.APPROVE)
    print_what_is_signed(Console(file=out, width=200), signing)
    return out.getvalue()


def test_every_field_and_the_very_bytes_are_shown() -> None:
    shown = screen()
    for line in (
        f"action: {ACTION}",
        "requested by: dora",
        "risk: high",
        'blast radius: {"pods":3}',
        "expires at: 2026-12-20T00:00:00.000000Z",
        "not before: none",
        "signatures needed: 2",
        'metadata: {"probes":["api-health"]}',
        "incident: INC-7",
        "playbook: none",
    ):
        assert f"  {line}\n" in shown
    message = signed_bytes(
        signed_content(APPROVAL), approval_id=APPROVAL.id, signer="alice", decision=Decision.APPROVE
    )
    assert [line.strip() for line in shown.splitlines()][-5:] == message.decode().split("\n")


def test_what_hides_is_shown_by_its_code_point() -> None:
    assert "description: INC-7: api hangs\\u{a}since noon\\u{202e}\n" in screen()
