"""Secrets that their shape gives away are masked without a name; what reports are read for is not."""

import json
from base64 import b64encode

import pytest

from countersign.masking import MASK, masked

A = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bD1fG3hJ5"
BODY = "MC4CAQAwBQYDK2VwBCIEIGdyUIzfY3r+DVWZEdgVrQJXQxYc45fPfD+b6nFQaZpX"
PEM = f"-----BEGIN PRIVATE KEY-----\n{BODY}\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    "secret",
    [
        f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.{A}",
        f"ghp_{A}",
        f"ghs_{A}",
        f"github_pat_11{A}_{A}",
        f"glpat-{A[:20]}",
        f"xoxb-123456789012-{A[:24]}",
        f"123456789:AA{A[:33]}",
        f"bot123456789:AA{A[:33]}",
        f"AIza{A[:35]}",
        f"sk-{A}",
        f"sk-proj-{A}",
        f"sk_live_{A[:24]}",
        f"npm_{A}",
        f"hvs.{A[:24]}",
        f"whsec_{A[:32]}=",
        BODY,
    ],
)
@pytest.mark.parametrize("text", ["it said {} and ended", "({})", '{{"a": ["{}"]}}', "https://example.org/{}/send"])
def test_a_token_is_masked_wherever_it_stands(secret: str, text: str) -> None:
    given = text.format(PEM if secret == BODY else secret)
    assert secret not in masked(given)
    assert secret[-8:] not in masked(given)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"https://hooks.slack.com/services/T0/B0/{A}", "hooks.slack.com"),
        (f"https://discord.com/api/webhooks/123456789012345678/{A}", "discord.com"),
        (f"https://acme.webhook.office.com/webhookb2/{A}@{A}/IncomingWebhook/{A}", "acme.webhook.office.com"),
        (f"https://prod-1.westeurope.logic.azure.com:443/workflows/{A}/triggers?sig={A}", "logic.azure.com"),
        (f"https://chat.googleapis.com/v1/spaces/AAA/messages?key={A}&token={A}", "chat.googleapis.com"),
        (f"Authorization: Bearer {A}", "Authorization"),
        (f"it sent Bearer {A}", "it sent Bearer"),
        (f"it sent Basic {b64encode(f'user:{A}'.encode()).decode()} to us", "to us"),
        (f"AKIA{A[:16].upper()} {'aB3/' * 9}{A[:4]}", ""),
        (f"curl -u admin:{A} https://example.org", "https://example.org"),
        (f"curl --user 'admin:{A}' https://example.org", "admin"),
        (f'["curl", "-u", "admin:{A}", "x"]', '"x"]'),
        (f"config:\n  key: |\n    {PEM.replace(chr(10), chr(10) + '    ')}\nlog: debug", "log: debug"),
        (json.dumps({"key": PEM, "log": "debug"}), '"log": "debug"'),
        (f"tls: {b64encode(PEM.encode()).decode()} x", " x"),
        (PEM[:90], ""),
    ],
)
def test_a_secret_that_its_place_gives_away_is_masked(text: str, left: str) -> None:
    shown = masked(text)
    assert MASK in shown
    assert left in shown
    for secret in (A, A[:20], BODY[:12], BODY[-12:], b64encode(BODY[:24].encode()).decode()):
        assert secret not in shown


@pytest.mark.parametrize(
    "text",
    [
        "kubectl rollout restart deployment/token-service -n prod",
        "kubectl set image deployment/api api=registry.example/token-service:1.2 side=secrets-proxy:3",
        "image: registry.example/api@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "image: secret-manager:1.2.3",
        '"image":"secret-manager:1.2.3","name":"api"',
        "uid: 0b2ac3f0-8c1d-4a7e-9a44-0d5a1c8a7f11\nresourceVersion: '123456789'\ngeneration: 4",
        'deployment.kubernetes.io/revision: "7"\nkubernetes.io/service-account.name: api',
        "kubectl.kubernetes.io/restartedAt: 2026-01-02T03:04:05Z",
        "secretName: web-tls\ntokenPath: /var/run/token\nsecretKeyRef:\n  key: password\n  name: db",
        "automountServiceAccountToken: true\nimagePullSecrets:\n- name: regcred\n",
        '{"automountServiceAccountToken":false,"secret":{"secretName":"web-tls"},"volumes":[]}',
        "    DB_PASSWORD:  <set to the key 'password' in secret 'db'>  Optional: false\n    LOG:  debug",
        'MountVolume.SetUp failed for volume "db-secret" : secret "db-secret" not found',
        'failed calling webhook "validate.token.example": context deadline exceeded',
        'Error from server (NotFound): secrets "db" not found',
        "deployment/secret-manager: still terminating at the deadline",
        "TokenExpirationSeconds:  3607\nProjected:\n  DownwardAPI: true",
        "api-7d8f9c6b5d-x2x4z   1/1   Running   0   3d4h",
        "sk-frontend-7d8f9c6b5d-x2x4z is ready",
        "docker run -u 1000:1000 api; sort -u names; systemctl --user status",
        "Basic authentication is off, bearer tokens too",
        "PWD=/root OLDPWD=/ HOME=/root",
        "2026-01-02T03:04:05Z 12:30:01 1700000000:started",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "see https://example.org:8443/a/b?page=2#c and mailto:ops@example.org",
        "git@github.com:acme/api.git ssh://git@host/x",
        "max replicas=3 (was 2), pods: 5, it's fine",
        "重新啟動 deployment/api：已完成",
    ],
)
def test_what_a_report_is_read_for_stays_readable(text: str) -> None:
    assert masked(text) == text


LARGE = 1_000_000


@pytest.mark.parametrize(
    "part",
    [
        "a=",
        "password=",
        "password: '",
        "'password=a\n",
        "password: {",
        "stringData: {",
        '"value":"',
        "password: |\n",
        "password: a\n b\n",
        "a://b:c@",
        "a://b:",
        "-----BEGIN PRIVATE KEY-----",
        "a-",
        "\\",
        '\\"',
        "'a",
        "-u a:",
        "Bearer ",
        " ",
        "\n",
        "eyJaaaaaaaa.",
    ],
)
def test_a_text_made_to_take_long_is_masked_in_one_pass(part: str) -> None:
    # A rule that reads on from every match takes hours for this, and the test's time limit ends it.
    assert masked(part * (LARGE // len(part)))


def test_many_assignments_in_one_word_are_masked() -> None:
    assert masked("a=" * 5000 + "password=hunter2") == "a=" * 5000 + f"password={MASK}"
