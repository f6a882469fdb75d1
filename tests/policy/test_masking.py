"""What people see of an action or an output holds no secret that its name gives away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.masking import MASK, masked, masked_values

SECRET = "hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"kubectl set env deployment/api DB_PASSWORD={SECRET} LOG=debug",
        f"kubectl set env deployment/api 'DB_PASSWORD={SECRET}'",
        f'kubectl set env deployment/api DB_PASSWORD="{SECRET} two" LOG=debug',
        f"kubectl set env deploy/api DATABASE_URL=postgresql://app:{SECRET}@db/app",
        f"something --token {SECRET} --other x",
        f"kubectl set env deploy/api 'DB_PASSWORD=correct {SECRET} staple'",
        f"kubectl set env deploy/api DB_PASSWORD=ab,cd;{SECRET})ij",
        f"kubectl set env deploy/api DB_PASS={SECRET} CREDENTIALS={SECRET}",
        f"kubectl set env deploy/api SLACK_WEBHOOK=https://hooks.example/{SECRET} GITHUB_PAT={SECRET}",
        f"Authorization: Bearer abc,{SECRET}",
        f"psql postgres://u:p/{SECRET}@h/db",
        f"psql postgres://u:pa@{SECRET}@h/db",
        f"something --token={SECRET}",
        f"env:\n- name: API_TOKEN\n  value: {SECRET}\n- name: LOG\n  value: debug",
        f'{{"env": [{{"name": "API_KEY", "value": "{SECRET}"}}, {{"name": "LOG", "value": "debug"}}]}}',
        f'last-applied: "{{\\"name\\":\\"API_KEY\\",\\"value\\":\\"{SECRET}\\"}}"',
        f"    DB_PASSWORD:  {SECRET}\n    LOG: debug",
        f'kubectl patch deploy api -p \'{{"spec":{{"password":"{SECRET}"}}}}\'',
    ],
)
def test_a_secret_beside_its_name_is_masked(text: str) -> None:
    shown = masked(text)
    assert SECRET not in shown
    assert MASK in shown


@pytest.mark.parametrize(
    "text",
    [
        "kubectl rollout restart deployment/api -n prod",
        "kubectl set image deployment/api api=registry.example/api:1.2",
        "kubectl set env deployment/api LOG=debug",
        "secretName: web-tls",
        "ssh web-1 systemctl restart nginx",
        "https://example.org:8443/health",
        "重新啟動 deployment/api",
    ],
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert masked(text) == text


def test_values_are_masked_by_the_keys_that_hold_them() -> None:
    given = {"env": {"DB_PASSWORD": SECRET, "LOG": "debug"}, "names": ["api"], "note": f"TOKEN={SECRET}"}
    shown = {"env": {"DB_PASSWORD": MASK, "LOG": "debug"}, "names": ["api"], "note": f"TOKEN={MASK}"}
    assert masked_values(given) == shown


@given(st.text(max_size=200))
def test_any_text_can_be_masked_and_masking_again_changes_nothing(text: str) -> None:
    once = masked(text)
    assert masked(once) == once
