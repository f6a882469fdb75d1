"""What a kubeconfig may do besides naming a server and credentials, and credentials from exec plugins."""

import base64
import json
import os
import stat
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from countersign.errors import ConfigurationError, PermanentTargetError, TransientTargetError
from countersign.settings import load_settings
from countersign.targets.kubernetes import exec_plugin
from countersign.targets.kubernetes.connection import connect
from countersign.targets.kubernetes.facts import check
from countersign.targets.kubernetes.investigate import run_investigation
from countersign.targets.kubernetes.kubeconfig import ClusterSettings, kubeconfig_document, usable_document
from countersign.targets.kubernetes.kubeconfig_rules import Allowances, allowances_of
from sandbox.cluster import SandboxCluster

VERSION = "client.authentication.k8s.io/v1"


def settings(
    *, cluster: Mapping[str, Any] | None = None, user: Mapping[str, Any] | None = None, **allowed: Any
) -> ClusterSettings:
    document = {
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1", **(cluster or {})}}],
        "users": [{"name": "u", "user": dict(user or {})}],
        "contexts": [{"name": "prod", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "prod",
    }
    return ClusterSettings(
        "production", kubeconfig=SecretStr(yaml.safe_dump(document)), allowed=Allowances(**allowed)
    )


def plugin(command: str, **fields: Any) -> dict[str, Any]:
    return {"exec": {"apiVersion": VERSION, "command": command, **fields}}


@pytest.mark.parametrize(
    ("cluster", "user", "says", "hint"),
    [
        ({}, plugin("aws"), "running 'aws'", "COUNTERSIGN_ALLOWED_EXEC_PLUGINS=kubelogin,aws"),
        ({}, plugin("/opt/kubelogin"), "running '/opt/kubelogin'", "=kubelogin,/opt/kubelogin"),
        ({}, {"exec": {}} | {"exec": {"args": ["x"]}}, "no command", "anew"),
        ({}, {"tokenFile": "/etc/passwd"}, "has tokenFile", "COUNTERSIGN_ALLOW_TOKEN_FILE=true"),
        ({"proxy-url": "http://proxy:3128"}, {}, "has proxy-url", "COUNTERSIGN_ALLOW_PROXY_URL=true"),
        ({"insecure-skip-tls-verify": True}, {}, "insecure-skip", "COUNTERSIGN_ALLOW_INSECURE_TLS=true"),
        ({}, {"auth-provider": {"name": "gcp"}}, "auth-provider", "exec plugin"),
        ({}, {"as": "admin", "token": "t"}, "acts as somebody else", "credentials of the account"),
        ({}, {"as-groups": ["system:masters"]}, "acts as somebody else", "credentials of the account"),
    ],
)
def test_what_reaches_further_is_refused_with_the_setting_that_would_allow_it(
    cluster: dict[str, Any], user: dict[str, Any], says: str, hint: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        kubeconfig_document(settings(cluster=cluster, user=user, exec_commands=("kubelogin",)))
    assert says in refusal.value.message
    assert hint in str(refusal.value.hint)


def test_each_setting_allows_its_own_and_nothing_else() -> None:
    fields = {
        "exec_commands": ({}, plugin("aws"), ("aws",)),
        "token_file": ({}, {"tokenFile": "/t"}, True),
        "proxy_url": ({"proxy-url": "http://p"}, {}, True),
        "insecure_tls": ({"insecure-skip-tls-verify": True}, {}, True),
    }
    for setting, (_cluster, _user, value) in fields.items():
        for other, (cluster, user, _value) in fields.items():
            given = settings(cluster=cluster, user=user, **{setting: value})
            if setting == other:
                assert kubeconfig_document(given)["current-context"] == "prod"
            else:
                with pytest.raises(ConfigurationError):
                    kubeconfig_document(given)


def test_the_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert allowances_of(load_settings()) == Allowances()
    monkeypatch.setenv("COUNTERSIGN_ALLOWED_EXEC_PLUGINS", "aws, /opt/kubelogin,")
    monkeypatch.setenv("COUNTERSIGN_ALLOW_PROXY_URL", "true")
    assert allowances_of(load_settings()) == Allowances(("aws", "/opt/kubelogin"), proxy_url=True)
    assert allowances_of(load_settings()).said == ("exec (aws, /opt/kubelogin)", "proxy-url")


def test_a_token_file_is_read_anew_and_wins_over_the_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    given = settings(user={"tokenFile": str(file), "token": "old"}, token_file=True)
    with pytest.raises(ConfigurationError, match="cannot be read here"):
        usable_document(given)
    for token in ("first", "second"):
        file.write_text(f"{token}\n")
        assert usable_document(given)["users"][0]["user"] == {"token": token}


def test_a_refusal_stays_one_where_the_credentials_cannot_be_read_again(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("of another cluster")
    with SandboxCluster(manifests=[]) as cluster:
        document = yaml.safe_load(cluster.kubeconfig)
        given = settings(cluster=document["clusters"][0]["cluster"], user={"tokenFile": str(file)}, token_file=True)
        with connect(given, request_timeout=30) as connection:
            file.unlink()
            with pytest.raises(PermanentTargetError):
                connection.get("/version")


def test_a_certificate_in_a_file_is_read_anew(tmp_path: Path) -> None:
    """What is kept for a cluster belongs to its credentials: another certificate is another connection."""
    files = {name: tmp_path / name for name in ("certificate-authority", "client-certificate", "client-key")}
    given = settings(
        cluster={"certificate-authority": str(files["certificate-authority"])},
        user={name: str(files[name]) for name in ("client-certificate", "client-key")},
        token_file=True,
    )
    with pytest.raises(ConfigurationError, match=r"certificate-authority .* cannot be read here"):
        usable_document(given)
    for content in (b"first", b"second"):
        for file in files.values():
            file.write_bytes(content)
        document, said = usable_document(given), base64.b64encode(content).decode()
        assert document["clusters"][0]["cluster"].items() >= {("certificate-authority-data", said)}
        assert document["users"][0]["user"] == {"client-certificate-data": said, "client-key-data": said}


# --- exec plugins ---------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    exec_plugin._kept.clear()


Installed = Callable[[str], str]


@pytest.fixture
def install(tmp_path: Path) -> Installed:
    """Make a plugin of a shell script; every start adds its environment to `seen`."""

    def made(script: str) -> str:
        program = tmp_path / "plugin"
        program.write_text(f"#!/bin/sh\nenv -0 >> {tmp_path}/seen\necho >> {tmp_path}/starts\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return str(program)

    return made


def answer(**status: Any) -> str:
    credential = {"apiVersion": VERSION, "kind": "ExecCredential", "status": status}
    return f"cat <<'END'\n{json.dumps(credential)}\nEND"


def starts(folder: Path) -> int:
    return len((folder / "starts").read_text().splitlines())


def allowed(program: str, **fields: Any) -> ClusterSettings:
    return settings(user=plugin(program, **fields), exec_commands=(program,))


def test_actions_and_investigations_act_with_what_the_plugin_gives(
    install: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", "postgresql://hunter2")
    monkeypatch.setenv("PREFECT_API_KEY", "hunter2")
    monkeypatch.setenv("AWS_PROFILE", "prod")
    with SandboxCluster() as running:
        document = yaml.safe_load(running.kubeconfig)
        token = document["users"][0]["user"]["token"]
        program = install(answer(token=token))
        document["users"][0]["user"] = plugin(program, args=["--cluster", "x"], env=[{"name": "OWN", "value": "1"}])
        given = ClusterSettings(
            "production", kubeconfig=SecretStr(yaml.safe_dump(document)), allowed=Allowances((program,))
        )
        facts = check(given)
        assert facts.can_patch
        exec_plugin._kept.clear()
        evidence = run_investigation(given, ["get", "namespaces"], timeout=20)
        assert evidence.exit_code == 0, evidence.stderr
    seen = (tmp_path / "seen").read_bytes().decode().split("\0")
    assert "hunter2" not in str(seen)
    assert seen.count("AWS_PROFILE=prod") == seen.count("OWN=1") == starts(tmp_path) == 2
    assert sum(each.startswith("KUBERNETES_EXEC_INFO=") for each in seen) == 2


def test_an_answer_is_kept_for_a_while_and_never_to_its_end(install: Installed, tmp_path: Path) -> None:
    given = allowed(install(answer(token="t")))
    for _ in range(3):
        assert usable_document(given)["users"][0]["user"] == {"token": "t"}
    assert starts(tmp_path) == 1
    soon = (datetime.now(UTC) + timedelta(seconds=50)).isoformat()
    short = allowed(install(answer(token="t", expirationTimestamp=soon)), args=["short"])
    for _ in range(2):
        usable_document(short)
    assert starts(tmp_path) == 3


def test_a_client_certificate_is_taken_as_kubectl_takes_it(install: Installed) -> None:
    given = allowed(install(answer(clientCertificateData="CERT", clientKeyData="KEY")))
    assert usable_document(given)["users"][0]["user"] == {
        "client-certificate-data": "Q0VSVA==",
        "client-key-data": "S0VZ",
    }


@pytest.mark.parametrize(
    ("script", "error", "says"),
    [
        ("echo hunter2 >&2; exit 3", TransientTargetError, "exit code 3"),
        ("echo hunter2", ConfigurationError, "did not print an ExecCredential"),
        (answer(), ConfigurationError, "neither a token nor a certificate"),
        (answer(clientCertificateData="hunter2"), ConfigurationError, "neither a token nor a certificate"),
        (answer(token="hunter2").replace("/v1", "/v1alpha1"), ConfigurationError, "did not print an ExecCredential"),
    ],
)
def test_a_plugin_that_fails_is_a_sentence_without_what_it_printed(
    install: Installed, script: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says) as failure:
        usable_document(allowed(install(script)))
    assert "hunter2" not in repr(failure.value) + str(getattr(failure.value, "hint", ""))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"apiVersion": "client.authentication.k8s.io/v1alpha1"}, "apiVersion"),
        ({"interactiveMode": "Always"}, "needs a person"),
        ({"env": [{"name": "LD_PRELOAD", "value": "/tmp/x.so"}]}, "sets LD_PRELOAD"),
        ({"env": [{"name": "PATH", "value": "/tmp"}]}, "sets PATH"),
    ],
)
def test_a_plugin_that_cannot_be_run_so_is_not_started(
    install: Installed, tmp_path: Path, fields: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        usable_document(allowed(install(answer(token="t")), **fields))
    assert not (tmp_path / "starts").exists()


def test_a_plugin_that_is_not_installed_says_how_to_get_it() -> None:
    with pytest.raises(ConfigurationError, match="'no-such-plugin' is not installed here") as refusal:
        usable_document(allowed("no-such-plugin", installHint="apt install it"))
    assert refusal.value.hint == "apt install it"
    with pytest.raises(ConfigurationError, match="not installed here"):
        usable_document(allowed(os.path.relpath("/bin/true")))


def test_a_plugin_that_hangs_ends_with_what_it_started(install: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exec_plugin, "LIMIT_SECONDS", 0.2)
    with pytest.raises(TransientTargetError, match="did not answer"):
        usable_document(allowed(install("sleep 300 & wait")))
