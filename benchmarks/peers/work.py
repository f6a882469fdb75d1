"""The work of one restart, as the peers do it: the same requests to the cluster and the same kinds of rows.

Line by line, beside what Countersign does:

1. take the request: one conditional UPDATE                          (claim)
2. read the Deployment                                               (resolve)
3. a dry run of the patch                                            (preflight)
4. a row before the request                                          (intent)
5. the patch                                                         (apply)
6. a row after the request                                           (answer)
7. the outcome and its line on the timeline, one transaction         (settle)
8. ask until the rollout is complete, a row with the verdict         (verification)
9. a row each for the operation log, the case and the counter        (what follows)

What they leave out: signatures and their check, the policy, holds of targets, the plan and its seal, the audit's
chain, what happens after a lost answer, rollback, playbooks, messages.
"""

from datetime import UTC, datetime
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS request (name text PRIMARY KEY, status text NOT NULL DEFAULT 'approved', outcome text);
CREATE TABLE IF NOT EXISTS trail (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, what text NOT NULL,
    detail jsonb NOT NULL, at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS verdict (name text PRIMARY KEY, verdict text NOT NULL, seen jsonb NOT NULL);
CREATE TABLE IF NOT EXISTS operation_log (name text PRIMARY KEY, output jsonb NOT NULL);
CREATE TABLE IF NOT EXISTS case_known (name text PRIMARY KEY, body text NOT NULL);
CREATE TABLE IF NOT EXISTS counter (kind text PRIMARY KEY, count integer NOT NULL);
"""
CLAIM = "UPDATE request SET status = 'executing' WHERE name = %s AND status = 'approved'"
TRAIL = "INSERT INTO trail (name, what, detail) VALUES (%s, %s, %s)"
SETTLE = "UPDATE request SET status = 'executed', outcome = 'success' WHERE name = %s"
VERDICT = "INSERT INTO verdict (name, verdict, seen) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
LOG = "INSERT INTO operation_log (name, output) VALUES (%s, %s) ON CONFLICT DO NOTHING"
CASE = "INSERT INTO case_known (name, body) VALUES (%s, %s) ON CONFLICT DO NOTHING"
COUNT = (
    "INSERT INTO counter (kind, count) VALUES ('restart', 1)"
    " ON CONFLICT (kind) DO UPDATE SET count = counter.count + 1"
)
LOOK_SECONDS = 0.5
"""Between two looks at a rollout."""
JSON_PATCH = "application/strategic-merge-patch+json"
AT_ONCE = 8
"""Requests that are worked on at the same time, as Countersign's worker does up to the outcome."""


def path_of(namespace: str, name: str) -> str:
    """Return the Deployment's address at the API server."""
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"


def patch() -> dict[str, Any]:
    """Return the body that restarts a Deployment, as kubectl writes it."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": at}}}}}


def is_complete(found: dict[str, Any]) -> bool:
    """Tell whether the Deployment's own status says that its rollout is complete."""
    status, wanted = found.get("status", {}), found["spec"].get("replicas", 1)
    return (
        status.get("observedGeneration", 0) >= found["metadata"]["generation"]
        and status.get("updatedReplicas", 0) == wanted
        and status.get("availableReplicas", 0) == wanted
        and status.get("replicas", 0) == wanted
    )
