"""rollout restart, undo, pause, resume."""

from typing import Final

from tests.contract.twins.rows import Outcome, Row, rows

_IMAGE: Final = "kubectl set image deployment/api app=app:2"
_SHOP: Final = "kubectl set image deployment/shop app=registry.example.com/shop/app:2.5.0"

ROWS: Final[tuple[Row, ...]] = (
    *rows(
        Outcome.CHANGES,
        "api worker",
        "kubectl rollout restart deployment/api",
        "kubectl rollout restart deploy api",
        "kubectl -n NAMESPACE rollout restart deployments.apps/api",
        "kubectl rollout restart deployments.v1.apps api --request-timeout=30s",
        "kubectl rollout restart deployment api worker",
        "kubectl rollout restart deployment/api deployment/worker -o name",
        "kubectl rollout pause deployment/api",
        "kubectl rollout pause deployment api worker",
        (_IMAGE, "kubectl rollout undo deployment/api"),
        (_IMAGE, "kubectl rollout undo deployment/api --to-revision=1"),
        (_IMAGE, "kubectl rollout undo deployment/api --to-revision=0"),
        (_IMAGE, "kubectl set env deployment/api A=2", "kubectl rollout undo deployment/api"),
        (_IMAGE, "kubectl set env deployment/api A=2", "kubectl rollout undo deployment/api --to-revision=1"),
        (_IMAGE, "kubectl rollout undo deployment/api", "kubectl rollout undo deployment/api"),
        (_IMAGE, "kubectl scale deployment/api --replicas=1", "kubectl rollout undo deployment/api"),
        (_IMAGE, "kubectl annotate deployment/api note=second --overwrite", "kubectl rollout undo deployment/api"),
        ("kubectl rollout restart deployment/api", "kubectl rollout undo deployment/api"),
        (
            "kubectl annotate deployment/api kubernetes.io/change-cause=first",
            _IMAGE,
            "kubectl annotate deployment/api kubernetes.io/change-cause=second --overwrite",
            "kubectl rollout undo deployment/api",
        ),
        ("kubectl annotate deployment api note=second --overwrite", "kubectl rollout restart deployment/api"),
        ("kubectl rollout pause deployment/api", _IMAGE, "kubectl rollout resume deployment/api"),
    ),
    *rows(
        Outcome.CHANGES,
        "settings shop",
        "kubectl rollout restart deployment/shop",
        "kubectl rollout pause deployment shop",
        (_SHOP, "kubectl rollout undo deployment/shop"),
        (_SHOP, "kubectl set env deployment/shop GREETING-", "kubectl rollout undo deployment/shop --to-revision=1"),
    ),
    *rows(
        Outcome.CHANGES,
        "api cache agent",
        "kubectl rollout restart deployment/api statefulset/cache",
        "kubectl rollout restart deploy/api sts/cache ds/agent",
    ),
    *rows(Outcome.CHANGES, "frozen", "kubectl rollout resume deployment/frozen"),
    *rows(
        Outcome.CHANGES,
        "db",
        "kubectl rollout restart statefulset/db",
        "kubectl rollout restart sts db",
        ("kubectl set image sts/db postgres=postgres:16.1", "kubectl rollout undo statefulset/db"),
        ("kubectl set image sts/db postgres=postgres:16.1", "kubectl rollout undo sts/db --to-revision=1"),
    ),
    *rows(
        Outcome.CHANGES,
        "cache",
        "kubectl rollout restart statefulsets.apps cache",
        ("kubectl set image sts/cache valkey=valkey:8.1", "kubectl rollout undo sts/cache"),
        (
            "kubectl set image sts/cache valkey=valkey:8.1",
            "kubectl set env sts/cache QUORUM=3",
            "kubectl rollout undo sts/cache --to-revision=1",
        ),
    ),
    *rows(
        Outcome.CHANGES,
        "agent",
        "kubectl rollout restart daemonset agent",
        "kubectl rollout restart ds/agent",
        ("kubectl set image ds/agent collector=collector:3.2", "kubectl rollout undo daemonset/agent"),
        ("kubectl set env ds/agent BUFFER=8m", "kubectl rollout undo ds agent --to-revision=1"),
    ),
    *rows(Outcome.NOTHING, "api", (_IMAGE, "kubectl rollout undo deployment/api --to-revision=2")),
    *rows(
        Outcome.NOTHING,
        "agent",
        ("kubectl set env ds/agent BUFFER=8m", "kubectl rollout undo ds agent --to-revision=2"),
    ),
    *rows(
        Outcome.REFUSED,
        "api frozen",
        "kubectl rollout restart deployment/no-such",
        "kubectl rollout undo deployment/api",
        (_IMAGE, "kubectl rollout undo deployment/api --to-revision=9"),
        "kubectl rollout restart deployment/frozen",
        "kubectl rollout undo deployment/frozen",
        ("kubectl rollout pause deployment/api", _IMAGE, "kubectl rollout undo deployment/api"),
        "kubectl rollout restart deployment/api --replicas=2",
    ),
    *rows(Outcome.REFUSED, "rs one", "kubectl rollout restart rs/rs", "kubectl rollout restart pod/one"),
    *rows(
        Outcome.REFUSED,
        "cache agent",
        "kubectl rollout undo statefulset/cache",
        "kubectl rollout undo daemonset/agent --to-revision=7",
        "kubectl rollout pause statefulset/cache",
        "kubectl rollout resume daemonset/agent",
    ),
    *rows(
        Outcome.ALREADY,
        "frozen",
        "kubectl rollout pause deployment/frozen",
        why="it is paused, as was wanted",
    ),
    *rows(
        Outcome.ALREADY,
        "api",
        "kubectl rollout resume deployment/api",
        why="it is not paused, as was wanted",
    ),
)
