"""Policies from YAML: good ones are read, bad ones say where and what."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from countersign.errors import ConfigurationError
from countersign.policy import Policy, RiskLevel, default_policy, load_policy, load_policy_file
from countersign.policy.yaml_text import read_yaml

FIELDS = (*Policy.model_fields, "reason", "start", "end", "days", "from", "to", "timezone", "namespaces", "hosts")
FIELDS += ("name", "ed25519", "hmac", "may_sign", "enabled", "low", "high", "operations", "up_to")
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.dates()
    | st.datetimes()
    | st.text(max_size=20)
    | st.sampled_from(["mon", "16:00", "Europe/Berlin", "high", "restart", "*", "2026-01-01T00:00:00Z", "a/../b"])
)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(FIELDS) | st.integers() | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=15,
)


def assert_only_configuration_errors(text: str) -> None:
    try:
        assert isinstance(load_policy(text), Policy)
    except ConfigurationError as error:
        assert error.message.startswith("policy")
        assert error.hint


@given(st.text())
def test_any_text_is_a_policy_or_a_configuration_error(text: str) -> None:
    assert_only_configuration_errors(text)


@given(st.text(alphabet="{}[]:,&*!|>-? \n\t'\"#%@`~<0x1.eE+_abcn", max_size=60))
def test_any_yaml_punctuation_is_a_policy_or_a_configuration_error(text: str) -> None:
    assert_only_configuration_errors(text)


@given(st.dictionaries(st.sampled_from(FIELDS), documents, max_size=6))
def test_any_document_is_a_policy_or_a_configuration_error(document: dict) -> None:
    assert_only_configuration_errors(yaml.safe_dump(document))


def message(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_policy(text)
    return f"{caught.value.message} | {caught.value.hint}"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ["policy is empty"]),
        ("- a", ["not a mapping"]),
        ("freeze_windws: []", ["line 1", "freeze_windws: there is no such field", "did you mean freeze_windows?"]),
        ("kill_switch: false\nkill_switch: true", ["line 2", "given twice, first on line 1"]),
        ("kill_switch: perhaps", ["kill_switch", "true or false"]),
        ("freeze_windows:\n- reason: x\n  strt: x", ["line 3", "freeze_windows[0].strt", "did you mean start?"]),
        (
            "freeze_windows:\n- reason: x\n  days: [fri]\n  from: 16:00\n  to: 9:00\n  timezone: Mars/Base",
            ["line 6", "freeze_windows[0].timezone: 'Mars/Base'", "Asia/Taipei"],
        ),
        ("freeze_windows:\n- reason: x\n  days: [fri]\n  from: 25:00\n  to: 9:00", ["[0].from", "'16:30'"]),
        ("freeze_windows:\n- reason: x\n  days: [fri]\n  from: 16:00", ["incomplete", "days, from and to"]),
        ("freeze_windows:\n- reason: x", ["needs its times"]),
        ("freeze_windows:\n- reason: x\n  start: 2026-01-01\n  end: 2026-01-02", ["[0].start", "RFC 3339"]),
        (
            "freeze_windows:\n- reason: x\n  start: 2026-01-02T00:00:00Z\n  end: 2026-01-01T00:00:00Z",
            ["ends before it starts"],
        ),
        ("allowed_operations: {low: [restrat]}", ["allowed_operations.low", "did you mean restart?"]),
        ("protected_hosts: web", ["protected_hosts: this is not a list"]),
        ("protected_hosts: [1]", ["protected_hosts[0]", "quotes"]),
        ("max_scale_factor: 0.5", ["max_scale_factor", "greater than or equal to 1"]),
        ("signers:\n- name: a", ["line 2", "exactly one key"]),
        ("signers:\n- {name: a, ed25519: abc}", ["signers[0].ed25519", "not base64"]),
        ("signers:\n- {name: a, ed25519: YWJj}", ["3 bytes long"]),
        ("signers:\n- {name: a, hmac: k}\n- {name: b, hmac: k}", ["'a' and 'b' have the same key"]),
        ("signers:\n- {name: a, hmac: k, may_sign: huge}", ["may_sign", "'critical'"]),
        ("auto_approver: {enabled: true}", ["no signer is called 'auto_approver'"]),
        ("a: &x [1]\nb: *x", ["aliases"]),
        ("a: !!python/name:os.system x", ["tag"]),
        ("a: !custom x", ["tag !custom"]),
        ("{a: b", ["not YAML"]),
        ("[" * 5000, ["nested too deeply"]),
        ("a" * 300_000, ["300,000 characters"]),
        ("low: \x00", ["UTF-8"]),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_mistake_is_named_with_its_place_and_its_remedy(text: str, parts: list[str]) -> None:
    said = message(text)
    for part in parts:
        assert part in said


def test_scalars_are_read_as_json_would() -> None:
    text = "a: 16:30\nb: 2026-12-20\nc: yes\nd: '3'\ne: 3\nf: 1.5\ng:\nh: true\ni: 0x10\nj: 010"
    assert read_yaml(text, source="x").value == {
        "a": "16:30",
        "b": "2026-12-20",
        "c": "yes",
        "d": "3",
        "e": 3,
        "f": 1.5,
        "g": None,
        "h": True,
        "i": "0x10",
        "j": 10,
    }


def test_null_takes_a_limit_away() -> None:
    assert load_policy("max_affected_pods: null").max_affected_pods is None


def test_the_default_policy_protects_the_system_and_trusts_nobody() -> None:
    policy = default_policy()
    assert policy.signers == ()
    assert "kube-system" in policy.protected_namespaces
    assert policy.four_eyes
    assert all(policy.required_signatures(risk, 0) >= 1 for risk in RiskLevel)


def test_an_error_does_not_repeat_the_value_it_is_about() -> None:
    assert "hunter2" not in message("signers:\n- {name: a, ed25519: hunter2-hunter2}")


def test_the_documents_example_is_a_policy() -> None:
    page = Path(__file__).parents[2].joinpath("docs/policy.md").read_text(encoding="utf-8")
    example = page.split("```yaml\n", 1)[1].split("```", 1)[0]
    policy = load_policy(example)
    assert set(Policy.model_fields) == policy.model_fields_set, "the example shows every field"


def test_a_policy_file_is_read_and_a_missing_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("kill_switch: true", encoding="utf-8")
    assert load_policy_file(path).kill_switch
    with pytest.raises(ConfigurationError, match=r"absent\.yaml cannot be read: No such file"):
        load_policy_file(tmp_path / "absent.yaml")
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        load_policy_file(path)
