"""What is known to be at fault today, apart from the rows: each entry's rows have to fail until it is mended."""
# ruff: noqa: E501 - a command is one line

from dataclasses import dataclass
from typing import Final

from tests.contract.twins.rows import Row


@dataclass(frozen=True)
class Fault:
    """Something that is wrong, and the rows that show it."""

    what: str
    titles: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    """Every row with one of these objects shows it."""

    def shown_by(self, row: Row) -> bool:
        """Tell whether the row has to fail because of it."""
        return row.title in self.titles or any(name in row.objects for name in self.objects)


OF_THE_SANDBOX: Final = (
    Fault("it refuses a StatefulSet whose containers mount what volumeClaimTemplates name", objects=("db",)),
    Fault("it serves neither PersistentVolumes nor StorageClasses", objects=("disk", "fast")),
)
"""Faults of the sandbox's API server and controllers."""

OF_OURS: Final = (
    Fault(
        "it sends what the dry run answered, in which allocated ports are dummies and other ports are named too",
        titles=(
            """kubectl patch svc web -p '{"spec":{"type":"NodePort"}}'""",
            """kubectl patch svc web --type=merge -p '{"spec":{"type":"NodePort"}}'""",
            """kubectl patch svc web --type=json -p '[{"op":"replace","path":"/spec/type","value":"NodePort"}]'""",
            """kubectl patch svc web -p '{"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":FREEPORT}]}}'""",
            """kubectl patch svc web -p '{"spec":{"type":"LoadBalancer"}}'""",
            """kubectl patch svc web -p '{"spec":{"type":"LoadBalancer","externalTrafficPolicy":"Local","loadBalancerSourceRanges":["192.0.2.0/24"]}}'""",
            """kubectl patch svc edge -p '{"spec":{"ports":[{"port":8080,"name":"alt"}]}}'""",
            """kubectl patch svc edge -p '{"spec":{"type":"ClusterIP"}}'""",
        ),
    ),
    Fault(
        "a patch whose fields the server prunes is taken as already so, or half of it is applied",
        titles=(
            """kubectl patch deployment api -p '{"spec":{"replica":5}}'""",
            """kubectl patch deployment api -p '{"spec":{"replicas":4,"minReadySecond":10}}'""",
            """kubectl patch deployment api --type=json -p '[{"op":"add","path":"/spec/replica","value":5}]'""",
            """kubectl patch deployment api -p '{\\"spec\\":{\\"replicas\\":5}}'""",
        ),
    ),
    Fault(
        "a merge patch may drop containers, variables and ports that it does not name",
        titles=(
            """kubectl patch deployment api --type=merge -p '{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"app:2"}]}}}}'""",
            """kubectl patch deployment api --type=merge -p '{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"app:1"},{"name":"proxy","image":"proxy:2"}]}}}}'""",
            """kubectl patch svc web --type=merge -p '{"spec":{"ports":[{"name":"http","port":80,"targetPort":"http"}]}}'""",
            """kubectl patch svc edge --type=merge -p '{"spec":{"type":"ClusterIP","ports":[{"name":"http","port":80,"targetPort":8080}]}}'""",
            """kubectl patch svc dns --type=merge -p '{"spec":{"ports":[{"name":"dns","port":53,"protocol":"UDP"}]}}'""",
        ),
    ),
    Fault(
        "--ignore-not-found is read and not heeded",
        titles=("kubectl delete pod no-such --ignore-not-found",),
    ),
)
"""Faults of our client, on every cluster."""
