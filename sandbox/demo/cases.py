"""What the demonstration asks for, and what has to come of it."""

from dataclasses import dataclass
from enum import StrEnum


class Twist(StrEnum):
    """What is done to an approval beside having it signed."""

    NONE = "none"
    UNSIGNED = "unsigned"
    """Called approved in the record without a signature."""
    TAMPERED = "tampered"
    """Changed in the record after it was signed."""
    EXPIRED = "expired"
    """Its time passed after it was signed."""
    DRY_RUN = "dry_run"
    TRIGGERED_TWENTY_TIMES = "triggered 20 times"


@dataclass(frozen=True)
class Case:
    """One approval and its right outcome."""

    name: str
    action: str
    expected: str
    """The report's outcome."""
    risk: str = "medium"
    twist: Twist = Twist.NONE
    requested_by: str = "carol"
    verdict: str | None = None
    """What verification has to find; None: not judged here, since the cases disturb each other's pods."""
    rolled_back: bool = False
    """It has to be taken back, and that has to be verified as effective."""


FROZEN_NAMESPACE = "billing"

CASES = (
    Case("a restart", "kubectl rollout restart deployment/api -n prod", "success"),
    Case("a scale", "kubectl scale deploy web --replicas=4 -n prod", "success", risk="low"),
    Case("a new image", "kubectl set image deployment/payments app=registry.local/payments:1.5.0 -n prod", "success"),
    Case("a bad image, detected and rolled back",
         "kubectl set image deployment/web app=registry.local/web:missing -n staging", "success",
         verdict="worse", rolled_back=True),
    Case("a pod deleted", "kubectl delete pod {pod} -n staging", "success"),
    Case("a node drained", "kubectl drain {node} --ignore-daemonsets --delete-emptydir-data", "success", risk="high"),
    Case("Chinese around it", "請執行：`kubectl rollout restart deploy/worker -n prod`", "success"),
    Case("triggered 20 times", "kubectl annotate deployment/web -n prod reviewed=yes", "success", risk="low",
         twist=Twist.TRIGGERED_TWENTY_TIMES),
    Case("auto-approved", "kubectl rollout restart statefulset/db -n prod", "success", risk="low",
         requested_by="auto_approver"),
    Case("a dry run", "kubectl scale deployment/api --replicas=5 -n prod", "dry_run", twist=Twist.DRY_RUN),
    Case("read-only", "kubectl get pods -n prod", "investigated", risk="low"),
    Case("a unit on a host", "ssh web-1 'systemctl restart nginx'", "success"),
    Case("auto-approved on a host", "ssh web-1 'nginx -t && nginx -s reload'", "success", risk="low",
         requested_by="auto_approver"),
    Case("a diagnosis", "ssh web-1 uptime", "investigated", risk="low"),
    Case("a prune without the scope", "ssh web-1 'docker image prune -f'", "blocked"),
    Case("a prune with the scope", "ssh web-1 'docker image prune -f'", "success", requested_by="dora"),
    Case("no action", "NO_ACTION: the error rate is already falling", "no_action", risk="low"),
    Case("not understood", "kubectl rollout restart deployment/api; rm -rf /", "parse_failure"),
    Case("a wrong name", "kubectl rollout restart deployment/apo -n prod", "blocked"),
    Case("a frozen namespace", f"kubectl rollout restart deployment/invoices -n {FROZEN_NAMESPACE}", "blocked"),
    Case("a protected namespace", "kubectl delete pod coredns-0 -n kube-system", "blocked"),
    Case("too large a step", "kubectl scale deployment/api --replicas=90 -n prod", "blocked"),
    Case("not signed", "kubectl rollout restart deployment/payments -n prod", "blocked", twist=Twist.UNSIGNED),
    Case("tampered with", "kubectl scale deployment/payments --replicas=3 -n prod", "blocked", twist=Twist.TAMPERED),
    Case("expired", "kubectl rollout restart deployment/payments -n prod", "blocked", twist=Twist.EXPIRED),
)  # fmt: skip
