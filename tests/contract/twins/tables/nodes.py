"""cordon, uncordon, drain, taint."""

from typing import Final

from tests.contract.twins.rows import Outcome, Row, rows

_LOOKED_FIRST: Final = {
    "Node/NODE/spec/unschedulable": "kubectl cordons before it looks at the pods; a refusal of ours has no effect",
    "Node/NODE/fields of/*": "the same",
}

ROWS: Final[tuple[Row, ...]] = (
    *rows(
        Outcome.CHANGES,
        "node spare",
        "kubectl cordon NODE",
        "kubectl cordon node/NODE",
        "kubectl cordon NODE NODE-spare",
        "kubectl uncordon NODE-spare",
        "kubectl uncordon NODE NODE-spare",
        "kubectl drain NODE",
    ),
    *rows(
        Outcome.CHANGES,
        "node spare x y",
        "kubectl drain NODE --force",
        "kubectl drain NODE --force --grace-period=0",
        "kubectl drain node/NODE --force --timeout=60s --ignore-daemonsets --delete-emptydir-data",
        "kubectl drain NODE NODE-spare --force",
        ("kubectl cordon NODE", "kubectl drain NODE --force"),
    ),
    *rows(Outcome.CHANGES, "node scratchy", "kubectl drain NODE --force --delete-emptydir-data"),
    *rows(
        Outcome.CHANGES,
        "node agent x",
        "kubectl drain NODE --ignore-daemonsets --force",
    ),
    *rows(Outcome.CHANGES, "node guarded lenient", "kubectl drain NODE --force --timeout=60s"),
    *rows(
        Outcome.CHANGES,
        "node",
        "kubectl taint nodes NODE maintenance=true:NoSchedule",
        "kubectl taint node NODE maintenance:NoExecute",
        "kubectl taint nodes NODE dedicated=ops:NoExecute",
        differs={"Node/NODE/spec/taints/*": "kubectl puts a new taint first, we last; their order says nothing"},
    ),
    *rows(
        Outcome.CHANGES,
        "node",
        "kubectl taint nodes NODE dedicated=ops:NoSchedule --overwrite",
        "kubectl taint nodes NODE dedicated-",
        "kubectl taint nodes NODE dedicated:NoSchedule-",
    ),
    *rows(
        Outcome.REFUSED,
        "node",
        "kubectl taint nodes NODE dedicated=ops:NoSchedule",
        "kubectl taint nodes NODE maintenance=true:Sometimes",
    ),
    *rows(
        Outcome.ALREADY,
        "node",
        "kubectl taint nodes NODE no-such-",
        why="it is not there, as was wanted",
    ),
    *rows(Outcome.NOTHING, "spare", "kubectl cordon NODE-spare", "kubectl drain NODE-spare"),
    *rows(Outcome.NOTHING, "node", "kubectl uncordon NODE"),
    *rows(Outcome.REFUSED, "node x", "kubectl drain NODE", differs=_LOOKED_FIRST),
    *rows(Outcome.REFUSED, "node scratchy", "kubectl drain NODE --force", differs=_LOOKED_FIRST),
    *rows(Outcome.REFUSED, "node agent", "kubectl drain NODE", differs=_LOOKED_FIRST),
    *rows(
        Outcome.REFUSED,
        "node",
        "kubectl cordon no-such-node",
        "kubectl uncordon no-such-node",
        "kubectl drain no-such-node --force",
        "kubectl cordon",
        "kubectl drain",
        "kubectl cordon deployment/NODE",
    ),
)
