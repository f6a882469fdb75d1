"""rollout restart, undo, pause, resume."""

from typing import Final

from tests.contract.twins.rows import Outcome, Row, rows

_IMAGE = "kubectl set image deployment/api app=app:2"
_CLAIMS = "the sandbox's API server refuses volumeClaimTemplates whose volumes are mounted"

ROWS: Final[tuple[Row, ...]] = (
    *rows(
        Outcome.CHANGES,
        "api",
        "kubectl rollout restart deployment/api",
        (_IMAGE, "kubectl rollout undo deployment/api"),
    ),
    *rows(Outcome.CHANGES, "shop settings", "kubectl rollout restart deployment/shop"),
    *rows(Outcome.CHANGES, "db", "kubectl rollout restart statefulset/db", sandbox=_CLAIMS),
    *rows(Outcome.CHANGES, "held", "kubectl delete pod held --wait=false"),
    *rows(Outcome.CHANGES, "one", "kubectl delete pod one"),
)
