"""An installation in which something of each kind has happened, for pages to show."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from countersign.execution.decisions import sign_approval
from countersign.execution.filing import Request, file_request
from countersign.execution.report import Report
from countersign.policy.signatures import Decision
from countersign.records.approvals import get_approval
from countersign.records.claims import claim
from countersign.records.database.engine import transaction
from countersign.records.outcomes import Outcome
from countersign.records.settlement import settle
from countersign.texts import text
from tests.aftermath.following import follow
from tests.execution.conftest import Office

SCRIPT = "<script>alert('here')</script>"
UNSEEN = "right\u202eleft"
PASSWORD = "hunter2-in-a-page"


def filed(office: Office, action: str, *, risk: str = "medium", by: str = "carol", **fields: object) -> UUID:
    """File a request that nobody has signed."""
    request = replace(Request(action=action, requested_by=by, risk_level=risk), **fields)
    services = office.services
    with transaction(services.engine) as session:
        now, clusters = datetime.now(UTC), services.clusters
        return file_request(session, request, policy=services.policy, now=now, clusters=clusters).approval.id


def signed(
    office: Office, approval_id: UUID, name: str, *, decision: Decision = Decision.APPROVE, comment: str = ""
) -> None:
    """Sign as one of the household's people."""
    with transaction(office.services.engine) as session:
        approval = get_approval(session, approval_id)
        key = office.household.keys[name]
        sign_approval(session, office.services, approval, signer=name, key=key, decision=decision, comment=comment)


def make_scene(office: Office) -> dict[str, UUID]:
    """Let something of each kind happen, and return the approvals by what they are."""
    soon = datetime.now(UTC) + timedelta(hours=2, minutes=10)
    radius = {
        "affected_pods": 6,
        "estimated_downtime": "none expected",
        "related_services": ["checkout", "cart"],
        "data_impact": "none",
    }
    scene = {
        "pending": filed(
            office,
            "kubectl scale deployment/api --replicas=5 -n prod",
            risk="high",
            required_signatures=2,
            description="Checkout is slow: p95 3.2 s since 02:40, CPU of api at its limit.\nTwo more replicas.",
            blast_radius=radius,
            incident_id="INC-20261130-AB12CD",
            expires_at=soon,
        ),
        "frozen": office.approved("kubectl rollout restart deployment/invoices -n billing"),
        "hostile": filed(
            office,
            f"kubectl annotate deployment/web -n prod note='{SCRIPT}' token={PASSWORD}",
            description=SCRIPT,
            required_signatures=2,
        ),
        "host": filed(office, "ssh web-1 'systemctl restart nginx'", by="dora"),
        "unreadable": office.approved("kubectl rollout restart deployment/api; rm -rf /"),
    }
    signed(office, scene["hostile"], "alice", comment=f"{SCRIPT} {UNSEEN}")
    signed(office, scene["pending"], "alice", comment="Looked at the graphs, agreed.")
    scene["effective"] = office.approved(
        "kubectl rollout restart deployment/api -n prod", description="Leaks memory."
    )
    follow(office, office.run(scene["effective"]))
    scene["rolled_back"] = office.approved(
        "kubectl set image deployment/web app=registry.local/web:missing -n staging"
    )
    follow(office, office.run(scene["rolled_back"]))
    scene["blocked"] = office.approved("kubectl delete pod coredns-0 -n kube-system")
    office.run(scene["blocked"])
    office.run(scene["unreadable"])
    scene["dry_run"] = office.approved("kubectl scale deployment/web --replicas=4 -n prod")
    office.run(scene["dry_run"], dry_run=True)
    scene["read"] = office.approved("kubectl get pods -n prod", risk="low")
    office.run(scene["read"])
    scene["rejected"] = filed(office, "kubectl drain node-1 --ignore-daemonsets", risk="critical")
    signed(office, scene["rejected"], "bob", decision=Decision.REJECT, comment="Not during the sale.")
    scene["unknown"] = unknown(office)
    return scene


def unknown(office: Office) -> UUID:
    """An execution whose request left, and nobody can tell what became of it."""
    approval_id = office.approved("kubectl scale deployment/worker --replicas=3 -n prod")
    services = office.services
    with transaction(services.engine) as session:
        won = claim(session, approval_id, worker="w9", flow_run_id=None, lease_seconds=30)
        assert won.owned is not None
        report = Report(
            approval_id=str(approval_id),
            action="kubectl scale deployment/worker --replicas=3 -n prod",
            outcome="unknown",
            success=False,
            message="The connection was lost after the request was sent, and the target could not be asked since.",
            hint=text("hint.unknown"),
        )
        settle(
            session, won.owned, outcome=Outcome.UNKNOWN, error=report.message, report=report.model_dump(mode="json")
        )
    return approval_id
