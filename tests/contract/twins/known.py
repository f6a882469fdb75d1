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
            """kubectl patch node NODE -p '{"spec":{"taints":[{"key":"dedicated","effect":"Sometimes"}]}}'""",
        ),
    ),
    Fault(
        "it does not read the protobuf bodies in which kubectl creates and deletes",
        Where.SANDBOX,
        titles=(
            "kubectl create job manual --from=cronjob/backup",
            "kubectl create configmap extra --from-literal=a=b",
            "kubectl autoscale deployment api --max=3",
            "kubectl expose deployment api --port=80",
            "kubectl run shell --image=tools:1",
            "kubectl drain NODE --force --disable-eviction",
        ),
    ),
    Fault(
        "a strategic patch changes who owns a variable that is there twice",
        Where.SANDBOX,
        titles=("kubectl set env deployment/doubled LEVEL=warning",),
    ),
)

_OF_OURS: Final = (
    Fault(
        "an added item of a list is compared whole with the answer, into which the server puts what it allocates",
        Where.EVERYWHERE,
        titles=("""kubectl patch svc edge -p '{"spec":{"ports":[{"port":8080,"name":"alt"}]}}'""",),
    ),
    Fault(
        "ports of a Service are told apart by their number alone, not by their protocol",
        Where.EVERYWHERE,
        titles=(
            """kubectl patch svc dns -p '{"spec":{"ports":[{"port":9153,"name":"metrics"}]}}'""",
            """kubectl patch svc dns --type=merge -p '{"spec":{"ports":[{"name":"dns","port":53,"protocol":"UDP"}]}}'""",
        ),
    ),
    Fault(
        "what a patch sets to false is not in the answer, and taken for a field that does not exist",
        Where.EVERYWHERE,
        titles=(
            """kubectl patch svc peers --type=merge -p '{"spec":{"publishNotReadyAddresses":false}}'""",
            """kubectl patch node NODE -p '{"spec":{"unschedulable":false}}'""",
        ),
    ),
    Fault(
        "variables that are there twice are given one value",
        Where.EVERYWHERE,
        titles=(
            """kubectl patch deployment doubled -p '{"spec":{"template":{"spec":{"containers":[{"name":"app","env":[{"name":"OTHER","value":"2"}]}]}}}}'""",
        ),
    ),
    Fault(
        "a server's default that a merge patch replaces is taken for something that it drops",
        Where.REAL,
        titles=(
            """kubectl patch hpa auto-metrics --type=merge -p '{"spec":{"behavior":{"scaleUp":{"policies":[{"type":"Pods","value":4,"periodSeconds":30}]}}}}'""",
        ),
    ),
    Fault(
        "a patch without a merge key is answered by 500, which is taken for a server that is down for a moment",
        Where.EVERYWHERE,
        titles=(
            """kubectl patch deployment api -p '{"spec":{"template":{"spec":{"containers":[{"image":"app:2"}]}}}}'""",
        ),
    ),
    Fault(
        "--ignore-not-found is read and not heeded",
        Where.EVERYWHERE,
        titles=("kubectl delete pod no-such --ignore-not-found",),
    ),
)

KNOWN: Final = (*_OF_THE_SANDBOX, *_OF_OURS)
"""Faults of the sandbox's API server and controllers, and of our client."""
