"""What is known to be at fault: each entry's rows have to fail where it says, until it is mended and taken out."""
# ruff: noqa: E501 - a command is one line

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from tests.contract.twins.rows import Row, unmet


class Where(Enum):
    """Which clusters show a fault."""

    SANDBOX = "the sandbox, whose fault it is"
    REAL = "a real API server, as the sandbox is not strict enough"
    EVERYWHERE = "both"


@dataclass(frozen=True)
class Fault:
    """Something that is wrong, and the rows that show it."""

    what: str
    where: Where
    titles: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    """Every row with one of these objects shows it."""
    needs: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    """Groups and versions, as those of a row: the servers that show it."""

    def shown_by(self, row: Row, *, on_sandbox: bool, versions: Callable[[str], list[str]]) -> bool:
        """Tell whether the row has to fail because of it."""
        if self.where is (Where.REAL if on_sandbox else Where.SANDBOX):
            return False
        named = row.title in self.titles or any(name in row.objects for name in self.objects)
        return named and not unmet(self.needs, self.lacks, versions)


_V2: Final = ("autoscaling/v2",)

_OF_THE_SANDBOX: Final = (
    Fault(
        "it validates less than a real API server",
        Where.SANDBOX,
        titles=(
            "kubectl set resources deployment/api --limits=pizza=1",
            """kubectl patch ds agent -p '{"spec":{"updateStrategy":{"rollingUpdate":{"maxUnavailable":0}}}}'""",
            """kubectl patch cronjob backup -p '{"spec":{"schedule":"now and then"}}'""",
            """kubectl patch ing shop-ingress --type=json -p '[{"op":"replace","path":"/spec/rules/0/http/paths/0/pathType","value":"Sometimes"}]'""",
            """kubectl patch pdb budget -p '{"spec":{"minAvailable":-1}}'""",
            """kubectl patch pdb budget -p '{"spec":{"minAvailable":"half"}}'""",
            """kubectl patch cm settings -p '{"data":{"logo":"text"}}'""",
            """kubectl patch pv disk-NAMESPACE -p '{"spec":{"nfs":{"server":"other.example.com"}}}'""",
        ),
    ),
    Fault(
        "it does not read the protobuf bodies in which kubectl creates and deletes",
        Where.SANDBOX,
        titles=(
            "kubectl create job manual --from=cronjob/backup",
            "kubectl create configmap extra --from-literal=a=b",
            "kubectl autoscale deployment api --max=3",
            "kubectl drain NODE --force --disable-eviction",
        ),
    ),
    Fault(
        "it does not default resourceFieldRef.divisor",
        Where.SANDBOX,
        titles=(
            "kubectl set image deployment/shop app=registry.example.com/shop/app:2.5.0 && kubectl rollout undo deployment/shop",
            "kubectl set image deployment/shop app=registry.example.com/shop/app:2.5.0 && kubectl set env deployment/shop GREETING- && kubectl rollout undo deployment/shop --to-revision=1",
        ),
    ),
    Fault(
        "it refuses a whole number that is written with a fraction",
        Where.SANDBOX,
        titles=("""kubectl patch deployment api -p '{"spec":{"replicas":2.0}}'""",),
    ),
    Fault(
        "a strategic patch changes who owns a variable that is there twice",
        Where.SANDBOX,
        titles=("kubectl set env deployment/doubled LEVEL=warning",),
    ),
)

KNOWN: Final = _OF_THE_SANDBOX
"""Faults of the sandbox's API server and controllers."""
