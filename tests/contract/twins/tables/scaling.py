"""scale."""

from typing import Final

from tests.contract.twins.rows import Outcome, Row, rows

_NOTED: Final = {
    "*/fields of/*": "kubectl writes through the scale subresource, which servers before 1.22 note nobody for",
}

ROWS: Final[tuple[Row, ...]] = (
    *rows(
        Outcome.CHANGES,
        "api worker",
        "kubectl scale deployment api --replicas=3",
        "kubectl scale --replicas=2 deployment/api --timeout=1m",
        "kubectl scale deployment/api --replicas=2 --current-replicas=0",
        "kubectl scale deployment/api --replicas=2 --current-replicas=-1",
        "kubectl scale deployment/worker --replicas=0",
        "kubectl scale deployment/api deployment/worker --replicas=2",
        "kubectl scale deploy api worker --replicas 1",
        "kubectl scale deployment/api --replicas=1 -o name",
        differs=_NOTED,
    ),
    *rows(
        Outcome.CHANGES,
        "settings shop budget auto",
        "kubectl scale deployment/shop --replicas=4",
        "kubectl scale deployment/shop --replicas=0",
        "kubectl scale deployment/shop --current-replicas=2 --replicas=3",
        differs=_NOTED,
    ),
    *rows(Outcome.CHANGES, "frozen", "kubectl scale deployment frozen --replicas=2", differs=_NOTED),
    *rows(
        Outcome.CHANGES,
        "db",
        "kubectl scale statefulset/db --replicas=3",
        "kubectl scale sts db --replicas=0",
        differs=_NOTED,
    ),
    *rows(Outcome.CHANGES, "cache", "kubectl scale --replicas=2 sts/cache --current-replicas=0", differs=_NOTED),
    *rows(
        Outcome.CHANGES,
        "rs",
        "kubectl scale rs rs --replicas=1",
        "kubectl scale replicaset/rs --replicas=2",
        differs=_NOTED,
    ),
    *rows(Outcome.NOTHING, "worker", "kubectl scale deployment/worker --replicas=1"),
    *rows(Outcome.NOTHING, "worker", "kubectl scale deployment/worker --replicas=1 --current-replicas=1"),
    *rows(Outcome.NOTHING, "cache", "kubectl scale sts/cache --replicas=0"),
    *rows(Outcome.NOTHING, "rs", "kubectl scale rs/rs --replicas=0"),
    *rows(
        Outcome.REFUSED,
        "api",
        "kubectl scale deployment/api --replicas=2 --current-replicas=5",
        "kubectl scale deployment/no-such --replicas=2",
        "kubectl scale deployment/api",
        "kubectl scale deployment/api --replicas=-1",
        "kubectl scale deployment/api --replicas=two",
        "kubectl scale deployment/api --replicas=99999999999",
        "kubectl scale --replicas=2",
    ),
    *rows(Outcome.REFUSED, "agent", "kubectl scale daemonset/agent --replicas=2"),
    *rows(Outcome.REFUSED, "load", "kubectl scale job/load --replicas=2"),
    *rows(
        Outcome.REFUSED,
        "api",
        "kubectl scale deployment api no-such --replicas=2",
        differs={
            "Deployment/api/*": "kubectl scales what it finds; we look everything up before anything is sent",
        },
    ),
)
