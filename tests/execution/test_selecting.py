"""A selector is resolved to names when the action is filed: the list is signed, and the list is what runs."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import yaml
from pydantic import SecretStr

from countersign.actions import describe_text
from countersign.errors import InvalidInput
from countersign.execution.clusters import NO_CLUSTERS, only
from countersign.execution.filing import Filed, Request, file_request
from countersign.policy.document import Policy
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.targets.kubernetes.connection import ClusterSettings, connect
from countersign.targets.kubernetes.kinds import list_path
from tests.execution.conftest import Office


def file(office: Office, action: str, *, cluster: ClusterSettings | None, policy: Policy | None = None) -> Filed:
    clusters = NO_CLUSTERS if cluster is None else only(cluster)
    request = Request(action=action, requested_by="carol", risk_level="medium", metadata={"ticket": "7"})
    with transaction(office.services.engine) as session:
        filed = file_request(
            session, request, policy=policy or office.services.policy, now=datetime.now(UTC), clusters=clusters
        )
        session.expunge(filed.approval)
        return filed


def pods(office: Office, selector: str) -> list[str]:
    with connect(office.services.clusters.the_default(), request_timeout=10) as connection:
        found = connection.get(list_path(connection, "Pod", "prod"), {"labelSelector": selector})["items"]
    return sorted(item["metadata"]["name"] for item in found)


def test_what_is_filed_and_signed_is_the_list(office: Office) -> None:
    names = pods(office, "app=api")
    assert names
    written = "kubectl delete pods -l app=api -n prod"
    filed = file(office, written, cluster=office.services.clusters.the_default())
    assert filed.selected is not None
    assert list(filed.selected.names) == names
    assert filed.reading["names"] == names
    approval = filed.approval
    assert approval.action == f"kubectl delete {' '.join(f'pod/{name}' for name in names)} -n prod"
    assert (approval.target or {})["names"] == names
    assert approval.details["selected"] == {"as_written": written, "selector": "app=api"}
    assert approval.details["ticket"] == "7"


def test_the_names_are_acted_on_and_nothing_else(office: Office) -> None:
    identity = office.approved("kubectl rollout restart deployment -l app=api -n prod")
    with transaction(office.services.engine) as session:
        assert get_approval(session, identity).action == "kubectl rollout restart deployment/api -n prod"
    report = office.run(identity)
    assert report.success
    assert [target.rpartition("/")[2] for target in report.targets] == ["api"]


def test_a_selector_that_finds_nothing_files_nothing(office: Office) -> None:
    with pytest.raises(InvalidInput, match="no Pod in namespace prod has app=nothing"):
        file(office, "kubectl delete pod -l app=nothing -n prod", cluster=office.services.clusters.the_default())


def test_the_policy_limits_how_many_a_selector_may_find(office: Office) -> None:
    few = Policy.model_validate({"max_affected_pods": 0})
    with pytest.raises(InvalidInput, match="0 are allowed at once") as caught:
        file(
            office,
            "kubectl delete pod -l app=api -n prod",
            cluster=office.services.clusters.the_default(),
            policy=few,
        )
    assert "max_affected_pods" in str(caught.value.hint)


def test_without_a_cluster_it_is_refused_with_what_to_do(office: Office) -> None:
    with pytest.raises(InvalidInput, match="no cluster is configured"):
        file(office, "kubectl delete pod -l app=api -n prod", cluster=None)
    known = office.services.clusters.the_default()
    away = replace(known, kubeconfig=SecretStr(_nowhere(known.kubeconfig)))
    with pytest.raises(InvalidInput, match="could not be asked") as caught:
        file(office, "kubectl delete pod -l app=api -n prod", cluster=away)
    assert "write the names" in str(caught.value.hint)


def _nowhere(kubeconfig: SecretStr | None) -> str:
    assert kubeconfig is not None
    document = yaml.safe_load(kubeconfig.get_secret_value())
    document["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1"
    return str(yaml.safe_dump(document))


def test_a_text_with_a_selector_is_no_operation_until_it_is_filed() -> None:
    found = describe_text("kubectl delete pod -l app=api -n prod")
    assert found["reading"] == "refused"
    assert "resolved to names when the action is filed" in found["reason"]
    for text in (
        "kubectl delete pvc -l app=api",
        "kubectl delete pod api-0 -l app=api",
        "kubectl scale deploy -l a=b",
    ):
        assert "resolved to names" not in describe_text(text)["reason"]
