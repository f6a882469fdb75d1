"""Who am I, may I: the sandbox's one user may do everything."""

from typing import Any

from sandbox.cluster.kinds import Kind

USER = {"username": "sandbox-admin", "groups": ["system:masters", "system:authenticated"]}


def answer_review(kind: Kind, body: Any) -> dict[str, Any]:
    """Return the review with its status filled in. A body in protobuf is not read: the answer is the same to all."""
    asked = dict(body) if isinstance(body, dict) else {}
    if kind.kind == "SelfSubjectReview":
        status: dict[str, Any] = {"userInfo": USER}
    elif kind.kind == "SelfSubjectRulesReview":
        everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
        everywhere = {"verbs": ["*"], "nonResourceURLs": ["*"]}
        status = {"resourceRules": [everything], "nonResourceRules": [everywhere], "incomplete": False}
    else:
        status = {"allowed": True, "reason": "the sandbox allows everything"}
    return {**asked, "kind": kind.kind, "apiVersion": kind.api_version, "metadata": {}, "status": status}
