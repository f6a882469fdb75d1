"""What may be done, when, and by whose signature: pure decisions over a document that is read once."""

from countersign.policy.approval import RecordedSignature, VerifiedApproval, check_signature, verify_approval
from countersign.policy.checks import (
    Check,
    PlanFacts,
    Question,
    RequestFacts,
    check_disturbed,
    check_kill_switch,
    check_place,
    check_plan,
    check_rate,
    check_request,
    enforce,
)
from countersign.policy.document import Policy
from countersign.policy.findings import decide_findings
from countersign.policy.loading import default_policy, load_policy, load_policy_file
from countersign.policy.risk import RiskLevel
from countersign.policy.signatures import Algorithm, Decision, SignatureValue, SignedContent, sign_ed25519, sign_hmac

__all__ = [
    "Algorithm",
    "Check",
    "Decision",
    "PlanFacts",
    "Policy",
    "Question",
    "RecordedSignature",
    "RequestFacts",
    "RiskLevel",
    "SignatureValue",
    "SignedContent",
    "VerifiedApproval",
    "check_disturbed",
    "check_kill_switch",
    "check_place",
    "check_plan",
    "check_rate",
    "check_request",
    "check_signature",
    "decide_findings",
    "default_policy",
    "enforce",
    "load_policy",
    "load_policy_file",
    "sign_ed25519",
    "sign_hmac",
    "verify_approval",
]
