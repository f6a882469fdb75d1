"""patch of autoscalers, budgets, configuration, storage, policies, nodes."""
# ruff: noqa: E501 - a command is one line

from typing import Final

from tests.contract.twins.rows import Outcome, Row, rows

_V2: Final = ("autoscaling/v2",)
_V2BETA2: Final = ("autoscaling/v2beta2",)

_AUTOSCALERS: Final = (
    *rows(
        Outcome.CHANGES,
        "auto",
        """kubectl patch hpa auto --type=merge -p '{"spec":{"maxReplicas":7}}'""",
        """kubectl patch hpa auto -p '{"spec":{"minReplicas":3,"maxReplicas":8}}'""",
        """kubectl patch hpa/auto --type=json -p '[{"op":"replace","path":"/spec/maxReplicas","value":12}]'""",
        """kubectl patch horizontalpodautoscaler auto -p '{"spec":{"scaleTargetRef":{"name":"other"}}}'""",
        """kubectl patch hpa auto --type=merge -p '{"spec":{"minReplicas":null}}'""",
        # kubectl drops the version behind a short name, so both mean the same for what all versions have.
        """kubectl patch hpa.v1.autoscaling auto -p '{"spec":{"maxReplicas":8}}'""",
    ),
    *rows(
        Outcome.CHANGES,
        "auto-metrics",
        """kubectl patch hpa auto-metrics -p '{"spec":{"minReplicas":4}}'""",
        """kubectl patch hpa auto-metrics --type=merge -p '{"spec":{"maxReplicas":20}}'""",
    ),
    *rows(
        Outcome.CHANGES,
        "auto-metrics",
        """kubectl patch horizontalpodautoscalers.v2.autoscaling auto-metrics --type=json -p '[{"op":"replace","path":"/spec/metrics/0/resource/target/averageUtilization","value":75}]'""",
        """kubectl patch horizontalpodautoscaler.v2.autoscaling/auto-metrics -p '{"spec":{"behavior":{"scaleDown":{"stabilizationWindowSeconds":60}}}}'""",
        """kubectl patch hpa auto-metrics --type=merge -p '{"spec":{"behavior":{"scaleUp":{"policies":[{"type":"Pods","value":4,"periodSeconds":30}]}}}}'""",
        needs=_V2,
    ),
    *rows(
        Outcome.CHANGES,
        "auto-metrics",
        """kubectl patch horizontalpodautoscalers.v2beta2.autoscaling/auto-metrics -p '{"spec":{"behavior":{"scaleDown":{"stabilizationWindowSeconds":60}}}}'""",
        needs=_V2BETA2,
    ),
    *rows(
        Outcome.CHANGES,
        "auto",
        """kubectl patch horizontalpodautoscalers.v1.autoscaling auto -p '{"spec":{"targetCPUUtilizationPercentage":80}}'""",
    ),
    *rows(
        Outcome.CHANGES,
        "auto",
        """kubectl patch hpa auto -p '{"spec":{"targetCPUUtilizationPercentage":80}}'""",
        lacks=_V2,
    ),
    *rows(Outcome.NOTHING, "auto", """kubectl patch hpa auto -p '{"spec":{"minReplicas":2,"maxReplicas":6}}'"""),
    *rows(
        Outcome.REFUSED,
        "auto",
        """kubectl patch hpa auto -p '{"spec":{"minReplicas":9}}'""",
        """kubectl patch hpa auto -p '{"spec":{"maxReplicas":0}}'""",
        """kubectl patch hpa auto -p '{"spec":{"minReplicas":0}}'""",
    ),
)

_BUDGETS: Final = (
    *rows(
        Outcome.CHANGES,
        "budget",
        """kubectl patch pdb budget -p '{"spec":{"minAvailable":2}}'""",
        """kubectl patch pdb budget -p '{"spec":{"minAvailable":"50%"}}'""",
        """kubectl patch pdb budget --type=merge -p '{"spec":{"minAvailable":null,"maxUnavailable":1}}'""",
        """kubectl patch poddisruptionbudgets.policy/budget --type=json -p '[{"op":"replace","path":"/spec/minAvailable","value":0}]'""",
    ),
    *rows(
        Outcome.CHANGES,
        "budget",
        """kubectl patch pdb budget -p '{"spec":{"unhealthyPodEvictionPolicy":"AlwaysAllow"}}'""",
        needs=("policy/v1",),
    ),
    *rows(
        Outcome.REFUSED,
        "budget",
        """kubectl patch pdb budget -p '{"spec":{"maxUnavailable":1}}'""",
        """kubectl patch pdb budget -p '{"spec":{"minAvailable":-1}}'""",
        """kubectl patch pdb budget -p '{"spec":{"minAvailable":"half"}}'""",
    ),
)

_CONFIGURATION: Final = (
    *rows(
        Outcome.CHANGES,
        "settings fixed",
        """kubectl patch cm settings --type=merge -p '{"data":{"level":"debug","more":"1"}}'""",
        """kubectl patch configmap settings -p '{"data":{"level":null}}'""",
        """kubectl patch cm settings --type=json -p '[{"op":"add","path":"/data/a.b","value":"x"},{"op":"remove","path":"/data/greeting"}]'""",
        """kubectl patch cm settings -p '{"data":{"application.yaml":"server:\\n  port: 9090\\n"}}'""",
        """kubectl patch cm settings -p '{"binaryData":{"logo":null,"icon":"aGk="}}'""",
        """kubectl patch cm settings -p '{"immutable":true}'""",
        """kubectl patch cm settings --type=merge -p '{"data":null}'""",
        """kubectl patch cm settings -p 'data: {level: warning}'""",
        """kubectl patch cm fixed -p '{"metadata":{"labels":{"team":"shop"}}}'""",
        """kubectl patch cm settings fixed -p '{"metadata":{"annotations":{"who":"me"}}}'""",
    ),
    *rows(Outcome.NOTHING, "settings", """kubectl patch cm settings -p '{"data":{"level":"info","gone":null}}'"""),
    *rows(
        Outcome.REFUSED,
        "settings fixed",
        """kubectl patch cm fixed -p '{"data":{"level":"debug"}}'""",
        """kubectl patch cm settings -p '{"data":{"port":8080}}'""",
        """kubectl patch cm settings -p '{"data":{"not a key!":"1"}}'""",
        """kubectl patch cm settings -p '{"data":{"logo":"text"}}'""",
    ),
    *rows(
        Outcome.CHANGES,
        "runner",
        """kubectl patch sa runner -p '{"imagePullSecrets":[{"name":"second"}]}'""",
        """kubectl patch serviceaccount runner --type=merge -p '{"automountServiceAccountToken":false}'""",
        """kubectl patch sa runner --type=merge -p '{"imagePullSecrets":null}'""",
    ),
)

_STORAGE: Final = (
    *rows(
        Outcome.CHANGES,
        "uploads",
        """kubectl patch pvc uploads -p '{"metadata":{"labels":{"team":"shop"},"annotations":{"keep":"true"}}}'""",
    ),
    *rows(
        Outcome.REFUSED,
        "uploads",
        """kubectl patch pvc uploads -p '{"spec":{"resources":{"requests":{"storage":"8Gi"}}}}'""",
        """kubectl patch pvc uploads -p '{"spec":{"storageClassName":"slow"}}'""",
        """kubectl patch pvc uploads -p '{"spec":{"resources":{"requests":{"storage":"1Gi"}}}}'""",
    ),
    *rows(
        Outcome.CHANGES,
        "disk",
        """kubectl patch pv disk-NAMESPACE -p '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}'""",
        """kubectl patch pv disk-NAMESPACE -p '{"spec":{"claimRef":{"namespace":"NAMESPACE","name":"uploads"}}}'""",
        """kubectl patch pv/disk-NAMESPACE --type=json -p '[{"op":"add","path":"/spec/mountOptions","value":["hard"]}]'""",
        """kubectl patch pv disk-NAMESPACE -p '{"spec":{"capacity":{"storage":"10Gi"}}}'""",
    ),
    *rows(
        Outcome.REFUSED,
        "disk",
        """kubectl patch pv disk-NAMESPACE -p '{"spec":{"nfs":{"server":"other.example.com"}}}'""",
    ),
)

_POLICIES: Final = (
    *rows(
        Outcome.CHANGES,
        "walls",
        """kubectl patch netpol walls --type=json -p '[{"op":"add","path":"/spec/ingress/0/from/-","value":{"namespaceSelector":{"matchLabels":{"team":"ops"}}}}]'""",
        """kubectl patch networkpolicy walls --type=merge -p '{"spec":{"ingress":null}}'""",
        """kubectl patch netpol walls -p '{"spec":{"podSelector":{"matchLabels":{"app":null,"tier":"db"}}}}'""",
    ),
    *rows(
        Outcome.CHANGES,
        "settings",
        """kubectl patch ns NAMESPACE -p '{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"baseline"}}}'""",
    ),
)

_NODES: Final = (
    *rows(
        Outcome.CHANGES,
        "node spare",
        """kubectl patch node NODE -p '{"spec":{"unschedulable":true}}'""",
        """kubectl patch node NODE-spare --type=merge -p '{"spec":{"unschedulable":null}}'""",
        """kubectl patch node NODE-spare -p '{"spec":{"unschedulable":false}}'""",
        """kubectl patch node NODE -p '{"spec":{"taints":[{"key":"dedicated","value":"ops","effect":"NoExecute"}]}}'""",
        """kubectl patch node NODE --type=merge -p '{"spec":{"taints":null}}'""",
        """kubectl patch node NODE --type=json -p '[{"op":"add","path":"/spec/taints/-","value":{"key":"maintenance","effect":"NoSchedule"}}]'""",
        """kubectl patch node NODE -p '{"metadata":{"labels":{"tier":null,"team":"ops"},"annotations":{"note":"second"}}}'""",
    ),
    *rows(Outcome.NOTHING, "node", """kubectl patch node NODE -p '{"spec":{"unschedulable":false}}'"""),
    *rows(
        Outcome.REFUSED,
        "node",
        """kubectl patch node NODE -p '{"spec":{"taints":[{"key":"dedicated","effect":"Sometimes"}]}}'""",
        """kubectl patch node no-such-node -p '{"spec":{"unschedulable":true}}'""",
    ),
)

ROWS: Final[tuple[Row, ...]] = (*_AUTOSCALERS, *_BUDGETS, *_CONFIGURATION, *_STORAGE, *_POLICIES, *_NODES)
