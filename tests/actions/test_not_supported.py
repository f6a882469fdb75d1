"""What is refused by name: other tools with what to do instead, and commands that are patches with that patch."""

import json

import pytest

from countersign.actions import describe_text


@pytest.mark.parametrize(
    ("text", "named", "instead"),
    [
        ("helm rollback api 3 -n prod", "helm rollback is not supported", "kubectl rollout undo deployment/NAME"),
        ("$ helm rollback api", "helm rollback is not supported", "kubectl rollout undo"),
        ("Action: helm rollback api 3", "helm rollback is not supported", "kubectl rollout undo"),
        ("helm upgrade api ./chart", "helm is not supported", "by hand"),
        ("argocd app sync payments", "argocd app sync is not supported", "kubectl patch application NAME"),
        ("```bash\nargocd app sync payments --prune\n```", "argocd app sync is not supported", "custom_resources"),
        ("argocd app rollback payments 4", "argocd is not supported", "by hand"),
        ("flux reconcile kustomization apps", "flux reconcile is not supported", "requestedAt"),
        ("terraform apply -auto-approve", "terraform is not supported", "by hand"),
        ("kubectl argo rollouts restart api", "plugin", "kubectl patch rollout"),
    ],
)
def test_another_tool_is_named_with_what_to_do_instead(text: str, named: str, instead: str) -> None:
    found = describe_text(text)
    assert found["reading"] == "refused"
    assert named in found["reason"]
    assert instead in found["hint"]


@pytest.mark.parametrize("text", ["the helm of the ship", "helm", "az", "restart everything with terraform"])
def test_a_sentence_with_a_tools_name_is_no_command_of_it(text: str) -> None:
    assert "not supported" not in describe_text(text)["reason"]


@pytest.mark.parametrize(
    ("text", "kind", "namespace", "patch"),
    [
        (
            "kubectl set serviceaccount deployment/api robot -n prod",
            "Deployment",
            "prod",
            {"spec": {"template": {"spec": {"serviceAccountName": "robot"}}}},
        ),
        (
            "kubectl set sa deploy api robot",
            "Deployment",
            None,
            {"spec": {"template": {"spec": {"serviceAccountName": "robot"}}}},
        ),
        (
            "kubectl -n prod set serviceaccount cronjob/report robot",
            "CronJob",
            "prod",
            {"spec": {"jobTemplate": {"spec": {"template": {"spec": {"serviceAccountName": "robot"}}}}}},
        ),
        (
            "kubectl set selector svc/web app=web,tier=front --namespace=prod",
            "Service",
            "prod",
            [{"op": "replace", "path": "/spec/selector", "value": {"app": "web", "tier": "front"}}],
        ),
    ],
)
def test_a_patch_under_another_name_is_refused_with_the_patch_that_reads(
    text: str, kind: str, namespace: str | None, patch: object
) -> None:
    found = describe_text(text)
    assert found["reading"] == "refused"
    assert "is a patch" in found["reason"]
    command = found["hint"].partition("write it as one: ")[2]
    read = describe_text(command)
    assert read["operation"] == "patch"
    assert (read["kind"], read["namespace"]) == (kind, namespace)
    assert json.dumps(read["parameters"]["patch"], sort_keys=True) == json.dumps(patch, sort_keys=True)
