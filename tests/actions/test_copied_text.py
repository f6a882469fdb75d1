"""What copying does to a command: quotes, dashes, spaces and backslashes of other programs, labels and notes.

What is certainly decoration goes. What could be meant differently is refused, saying why and what would work.
"""

from typing import Any

import pytest

from countersign.actions import describe_text, read_action
from countersign.actions.hosts import route
from countersign.actions.operation import HostOperation
from countersign.actions.remote import remote_command
from countersign.targets.hosts.tools.registry import TOOLS

RESTART = "kubectl rollout restart deployment/api -n prod"
READS: dict[str, Any] = {
    "reading": "operation",
    "operation": "restart",
    "kind": "Deployment",
    "names": ["api"],
    "namespace": "prod",
    "parameters": {},
}
PATCH = "kubectl patch deployment api -n prod -p "


@pytest.mark.parametrize(
    "text",
    [
        *(
            f"{prompt} {RESTART}"
            for prompt in (
                *("→", "❯", "➜", "▶", "►", "»", "›", "⇒", "λ", "%", "$", "#", "✅", "👉"),
                *("❯❯", "➜  ~", "~/src ❯", "~ $"),
            )
        ),
        *(f"{prompt}{RESTART}" for prompt in ("→", "❯", "➜", "❯\u2009", "→\u00a0")),
        *(
            f"{label} {RESTART}"
            for label in (
                "**Recommended action**:",
                "**Recommended action:**",
                "***Action***:",
                "__Action__:",
                "*Command*:",
                "Command →",
                "Recommended action ⇒",
                "Action =>",
                "Fix ->",
                "Next step —",
                "1. **Command**:",
                "- **Proposed remediation:**",
                "[x] **Action**:",
                "(1) Command:",
                "Immediate mitigation:",
                "**建議動作**：",
                "建議動作:",
            )
        ),
        f"**Command**: `{RESTART}`",
        f"**Command:** `{RESTART}`",
        f"**Action**: **{RESTART}**",
        f"**Recommended action**: ```{RESTART}```",
        f"**Recommended action**:\n\n```bash\n{RESTART}\n```",
        *(
            f"{RESTART}\n\n{note}"
            for note in (
                "Risk: low",
                "**Risk**: low",
                "**Risk:** low",
                "Risk level: LOW",
                "- Severity: high",
                "Confidence: 0.92",
                "Estimated downtime: none",
                "Impact: rolling restart, no downtime",
                "Expected outcome: healthy",
                "Blast radius: small",
                "風險：低",
                "Namespace: prod",
                "**Deployment**: `api`",
                "Risk: low\nConfidence: high\nReason: OOM",
            )
        ),
        f"Risk: low\n{RESTART}",
        *(RESTART.replace(" -n", f"{space}-n") for space in "\u2002\u2003\u2007\u2009\u200a\u202f\u205f\u3000\u00a0"),
        RESTART.replace(" ", "\u202f"),
    ],
    ids=ascii,
)
def test_decoration_is_taken_off(text: str) -> None:
    assert describe_text(text) == READS


@pytest.mark.parametrize(
    ("text", "said", "hinted"),
    [
        ("kubectl get pods —namespace=slackbots", "em dash", "--namespace=slackbots"),
        ("kubectl get pods –n prod", "en dash", "-n"),
        ("kubectl get pods −n prod", "minus sign", "-n"),
        ("kubectl scale deployment/api —replicas=3 -n prod", "em dash", "--replicas=3"),
        ("kubectl scale deployment/api ――replicas=3 -n prod", "horizontal bar", "--replicas=3"),
        ("kubectl rollout restart deployment/api –n prod", "en dash", "-n"),
        ("kubectl rollout restart deployment/api‑server -n prod", "non-breaking hyphen", "hyphen"),
        ("kubectl logs api‐0 -n prod", "hyphen", "hyphen"),
        ("kubectl delete pod api-0 — namespace prod", "dash", "--namespace prod"),
        ("kubectl delete pod api-0 —— namespace=prod", "dash", "--namespace=prod"),
        ("kubectl delete pod api-0 — n prod", "dash", "-n prod"),
        ("kubectl drain node-1 — ignore-daemonsets", "dash", "--ignore-daemonsets"),
        ("kubectl drain node-1 —ignore-daemonsets —delete-emptydir-data", "em dash", "--ignore-daemonsets"),
        ("ssh —p 22 web-1 uptime", "em dash", "-p"),
        ("ssh web-1 'docker image prune —f'", "em dash", "-f"),
    ],
    ids=ascii,
)
def test_a_dash_for_hyphens_is_named(text: str, said: str, hinted: str) -> None:
    found = describe_text(text)
    assert found["reading"] == "refused"
    assert said in found["reason"]
    assert hinted in found["hint"]


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ("""'{\\"spec\\":{\\"replicas\\":3}}'""", "escaped"),
        ("""'[{\\"op\\":\\"remove\\",\\"path\\":\\"/spec/paused\\"}]'""", "escaped"),
        ("""' {\\"spec\\": {\\"replicas\\": 3}}'""", "escaped"),
        ("""'{"spec":{\\"replicas\\":3}}'""", "escaped"),
        ("""'{“spec”:{“replicas”:3}}'""", "typographic quote “"),
        ('''"{“spec”:{“replicas”:3}}"''', "typographic quote “"),
        ("""‘{“spec”:{“replicas”:3}}’""", "typographic quote “"),
        ("""'{„spec“:{„replicas“:3}}'""", "typographic quote „"),
        ("""'{«spec»:{«replicas»:3}}'""", "typographic quote «"),
        ("""'{"spec":{"type":“NodePort”}}'""", "typographic quote “"),
        ("""'{‘spec’:{‘replicas’:3}}'""", "typographic quote"),
        ("""'{"spec"：{"replicas"：3}}'""", "fullwidth colon"),
        ("""'{"spec":{"replicas":3}，"x":1}'""", "fullwidth comma"),
        ("""'{"spec":\u00a0{"replicas":3}}'""", "no-break space"),
        ('''"{'spec':{'replicas':3}}"''', "single quotes"),
        ('''"{"spec":{"replicas":3}}"''', "key spec stands without quotes"),
        ("""'{spec: {replicas: 3}}'""", "key spec stands without quotes"),
        ("""'{"spec":{"paused":True}}'""", "it has True"),
        ("""'{"spec":{"replicas":None}}'""", "it has None"),
        ("""'{"spec":{"replicas":3,}}'""", "comma"),
        ("""'{"spec":{"replicas":3}'""", "1 } too few"),
        ("""'{"spec":{"replicas":3}}}'""", "1 { too few"),
        ("""'{"spec":{"replicas":3}} # more'""", "comment"),
        ("""'{"spec":{ /* none */ "replicas":3}}'""", "comment"),
        ("""'{"spec":{"replicas":<N>}}'""", "placeholder"),
        ("""'{"spec":{...}}'""", "placeholder"),
        ("""'{\\n  "spec": {"replicas": 3}\\n}'""", "\\n"),
        ("""'{"spec":{"replicas":3}}{"spec":{}}'""", "Extra data"),
        ("""'{"“spec”":{"replicas":3}}'""", "part of the key"),
        ("""'{"\\"spec\\"":{"replicas":3}}'""", "part of the key"),
        ("""'“spec”: {replicas: 3}'""", "typographic quotes"),
        ("""'\\"spec\\": {replicas: 3}'""", "part of the key"),
        ("""'spec: {type: “NodePort”}'""", "typographic quotes"),
    ],
    ids=ascii,
)
def test_what_begins_like_json_and_is_none_is_refused_saying_why(patch: str, said: str) -> None:
    found = describe_text(PATCH + patch)
    assert found["reading"] == "refused", found
    assert said in found["reason"]
    assert found["hint"]


@pytest.mark.parametrize(
    "patch",
    [
        """'{"spec":{"replicas":3}}'""",
        '''"{\\"spec\\":{\\"replicas\\":3}}"''',
        """'\n  {"spec":\n    {"replicas": 3}}\n'""",
        """‘{"spec":{"replicas":3}}’""",
        """'spec: {replicas: 3}'""",
        """'spec:\n  replicas: 3\n'""",
        """$'{"spec":{"replicas":3}}'""".removeprefix("$"),
    ],
    ids=ascii,
)
def test_one_patch_in_every_right_spelling_is_one_reading(patch: str) -> None:
    assert describe_text(PATCH + patch)["parameters"] == {"type": "strategic", "patch": {"spec": {"replicas": 3}}}


@pytest.mark.parametrize(
    "text",
    [
        "kubectl set image deployment/api app=registry.local/api:1.4.2\\n -n prod",
        "kubectl set image deployment/api app\\n=registry.local/api:1.4.2 -n prod",
        "kubectl rollout restart deployment/api -n prod\\n",
        "kubectl rollout restart deployment/api\\n\\nRisk: low",
        "kubectl rollout restart deployment/api\\t-n prod",
        "kubectl delete pod api\\u002d0 -n prod",
        "kubectl set env deployment/api MODE=a\\nb -n prod",
        "kubectl get pods -n prod\\n",
        "ssh web-1 'docker restart web\\n'",
        "ssh web-1 docker restart web\\n",
        'ssh web-1 "docker restart web\\n"',
        "ssh web-1 'systemctl restart foo@bar\\x2dbaz.service'",
        "ssh web-1 'systemctl restart foo@bar\\\\x2dbaz.service'",
    ],
    ids=ascii,
)
def test_a_backslash_that_a_shell_would_drop_is_refused(text: str) -> None:
    found = describe_text(text)
    assert found["reading"] == "refused", found
    assert found["reason"]


@pytest.mark.parametrize(
    "text",
    [
        "ssh web-1 'systemctl restart \"foo@bar\\x2dbaz.service\"'",
        "ssh web-1 \"systemctl restart 'foo@bar\\x2dbaz.service'\"",
        'ssh web-1 "systemctl restart \\"foo@bar\\x2dbaz.service\\""',
    ],
)
def test_an_escape_of_systemd_in_quotes_is_part_of_the_name(text: str) -> None:
    operation = read_action(text)
    assert isinstance(operation, HostOperation)
    assert dict(operation.parameters) == {"unit": "foo@bar\\x2dbaz.service"}
    assert route(remote_command(operation.tool, dict(operation.parameters)))[1] == operation.parameters
    assert TOOLS[operation.tool].parameters["unit"].fits(dict(operation.parameters)["unit"])


@pytest.mark.parametrize(
    "text",
    [
        f"{RESTART}\n\nNamespace: staging",
        f"{RESTART}\n**Namespace**: staging",
        f"{RESTART}\nTarget namespace: staging",
        f"{RESTART}\nCluster: production-eu",
        f"Host: web-2\n{RESTART}",
        f"{RESTART}\nDeployment: `payments`",
        f"{RESTART}\n命名空間：staging",
        f"{RESTART}\nRisk: high, do not run before 18:00",
        f"{RESTART}\nRisk: low > /tmp/x",
        f"{RESTART}\nRollback: kubectl rollout undo deployment/api",
        f"root@staging:~# {RESTART}",
        f"mei@bastion ❯ {RESTART}",
        f"prod-cluster ❯ {RESTART}",
        f"the pods crash → {RESTART}",
        f"Option 1: {RESTART}",
        f"**Do not run**: {RESTART}",
        f"Alternative: {RESTART}",
        f"> {RESTART}",
    ],
    ids=ascii,
)
def test_what_could_be_meant_differently_is_refused(text: str) -> None:
    found = describe_text(text)
    assert found["reading"] == "refused", found


def test_a_dash_inside_an_explanation_or_a_value_is_let_be() -> None:
    assert describe_text(f"{RESTART} — restarts the API") == READS
    assert describe_text(f"{RESTART} — all pods are replaced one by one") == READS
    noted = describe_text("kubectl annotate deployment/api -n prod note='a—b'")
    assert noted["parameters"] == {"set": {"note": "a—b"}}
