"""What kubectl does and we refuse on purpose, and the other way round, with the reasons."""
# ruff: noqa: E501 - a command is one line

from typing import Final

from tests.contract.twins.rows import Outcome, Row, rows

_SELECTED: Final = "what a selector or --all means is not known when the action is signed"
_KINDS: Final = "an operation is about one kind"
_MAKES: Final = "it makes new objects, which nobody could have looked at"
_FILES: Final = "it reads what is not in the text that is signed"
_NOT_HERE: Final = "it is not in the catalogue"

ROWS: Final[tuple[Row, ...]] = (
    *rows(
        Outcome.WE_REFUSE,
        "api worker cache one load settings",
        "kubectl rollout restart deployment -l app=api",
        "kubectl rollout restart deployment",
        "kubectl scale deployment --all --replicas=1",
        "kubectl scale deployment -l app=api --replicas=1",
        "kubectl set image deployment --all app=app:2",
        "kubectl set env deployment -l app=api X=1",
        "kubectl delete pod --all",
        "kubectl delete pod -l app=one",
        "kubectl delete pod --field-selector metadata.name=one",
        "kubectl label pods --all team=shop",
        "kubectl annotate deployment -l app=api who=me",
        why=_SELECTED,
    ),
    *rows(
        Outcome.WE_REFUSE,
        "api cache one load",
        "kubectl scale deployment/api statefulset/cache --replicas=1",
        "kubectl delete pod/one job/load",
        "kubectl label deployment,statefulset --all team=shop",
        why=_KINDS,
    ),
    *rows(
        Outcome.WE_REFUSE,
        "settings web",
        "kubectl delete svc web",
        "kubectl delete configmap settings",
        why="what nothing makes anew is not deleted",
    ),
    *rows(
        Outcome.WE_REFUSE,
        "load one",
        "kubectl delete job load --cascade=orphan",
        "kubectl delete job load --cascade=foreground",
        why="what becomes of the pods is not what a deletion here says",
    ),
    *rows(
        Outcome.WE_REFUSE,
        "api",
        "kubectl create configmap extra --from-literal=a=b",
        "kubectl expose deployment api --port=80",
        "kubectl run shell --image=tools:1",
        why=_MAKES,
    ),
    *rows(
        Outcome.WE_REFUSE,
        "api",
        "kubectl autoscale deployment api --max=3",
        why=_MAKES,
        needs=("autoscaling/v2",),
    ),
    *rows(
        Outcome.WE_REFUSE,
        "api settings",
        "kubectl set env deployment/api --from=configmap/settings",
        "kubectl set env deployment/api --from=configmap/settings --prefix=SHOP_",
        why=_FILES,
    ),
    *rows(
        Outcome.WE_REFUSE,
        "node api web x",
        "kubectl set serviceaccount deployment/api default",
        "kubectl set selector svc web app=shop",
        "kubectl drain NODE --force --pod-selector=app=none",
        "kubectl drain NODE --force --disable-eviction",
        why=_NOT_HERE,
    ),
    *rows(
        Outcome.WE_REFUSE,
        "shop-database",
        """kubectl patch secret shop-database -p '{"stringData":{"password":"changed"}}'""",
        why="a Secret's contents would be in the approval, the plan and the evidence",
    ),
    *rows(
        Outcome.WE_REFUSE,
        "api",
        "kubectl set env deployment/api --list",
        "kubectl label deployment api --list",
        "kubectl scale deployment/api --replicas=2 --dry-run=server",
        "kubectl set env deployment/api",
        why="it changes nothing, so it is no action",
    ),
    *rows(
        Outcome.WE_REFUSE,
        "api",
        """kubectl patch deployment api -p 'spec: {paused: yes}'""",
        """kubectl patch deployment api -p '{"spec":{"replicas":2},"spec":{"replicas":1}}'""",
        """kubectl patch deployment api -p 'spec: {replicas: 0x2}'""",
        """kubectl patch deployment api -p '{"spec":{"replicas":2.0}}'""",
        why="readers of the text disagree on what it says",
    ),
    *rows(
        Outcome.WE_REFUSE,
        "api",
        """kubectl patch deployment api -p '{"spec":{"replica":5}}'""",
        """kubectl patch deployment api -p '{"spec":{"replicas":4,"minReadySecond":10}}'""",
        """kubectl patch deployment api --type=json -p '[{"op":"add","path":"/spec/replica","value":5}]'""",
        why="a field that the patch names does not exist, so half of it or nothing would happen",
    ),
    *rows(
        Outcome.WE_REFUSE,
        "api web edge dns",
        """kubectl patch deployment api --type=merge -p '{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"app:2"}]}}}}'""",
        """kubectl patch deployment api --type=merge -p '{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"app:1"},{"name":"proxy","image":"proxy:2"}]}}}}'""",
        """kubectl patch svc web --type=merge -p '{"spec":{"ports":[{"name":"http","port":80,"targetPort":"http"}]}}'""",
        """kubectl patch svc edge --type=merge -p '{"spec":{"type":"ClusterIP","ports":[{"name":"http","port":80,"targetPort":8080}]}}'""",
        """kubectl patch svc dns --type=merge -p '{"spec":{"ports":[{"name":"dns","port":53,"protocol":"UDP"}]}}'""",
        why="a merge patch replaces whole lists, so the containers, variables and ports that it does not name would go",
    ),
    *rows(
        Outcome.WE_REFUSE,
        "api",
        "kubectl rollout restart deployment/api --v=1",
        "kubectl scale deployment/api --replicas=2 --as=admin --as-group=system:masters",
        why="the cluster, the identity and the logs are chosen by the cluster block",
    ),
    *rows(
        Outcome.WE_REFUSE,
        "api",
        """kubectl patch deployment api -p '{"status":{"replicas":9}}'""",
        why="the status is the controllers', and the server drops what a patch says of it",
    ),
    *rows(
        Outcome.WE_DO,
        "node scratchy",
        "kubectl drain NODE --force --delete-local-data",
        why="runbooks have the flag's old name, which newer kubectls no longer know",
    ),
)
