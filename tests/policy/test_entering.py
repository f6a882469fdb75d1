"""Entering a signer: the policy is the old one and the signer, its text otherwise untouched, or nothing happens."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from typer.testing import CliRunner

from countersign.cli import app
from countersign.errors import ConfigurationError, InvalidInput
from countersign.execution.policy.change import make_administrator
from countersign.execution.policy.in_force import PolicyOnRecord
from countersign.policy import load_policy
from countersign.policy.entering import FIRST, with_signer
from countersign.policy.keys import generate_ed25519
from countersign.policy.risk import RiskLevel
from countersign.policy.signers import Signer
from tests.policy.authenticator import Authenticator

KEYS = [generate_ed25519()[1] for _ in range(4)]


def signer(name: str, key: str = KEYS[0], may_sign: RiskLevel = RiskLevel.CRITICAL) -> Signer:
    return Signer(name=name, ed25519=key, may_sign=may_sign)


FORMS = {
    "none": "max_affected_pods: 5\n",
    "the example": FIRST,
    "without a last line feed": "max_affected_pods: 5",
    "an empty list": "signers: []\n",
    "a list": f"signers:\n  - name: bob  # on call\n    ed25519: {KEYS[1]}\n# the end\nmax_affected_pods: 5\n",
    "a list at the margin": f"signers:\n# people\n- ed25519: {KEYS[1]}\n  name: bob\n",
    "a list far in": f"signers:\n      -   name: bob\n          ed25519: {KEYS[1]}\n",
    "a list in one line": f"signers: [{{name: bob, ed25519: {KEYS[1]}}}]  # all\n",
    "lines of Windows": f"# people\r\nsigners:\r\n  - name: bob\r\n    ed25519: {KEYS[1]}\r\n",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["alice", "阿明", "a: b #c", 'o"neil', "{x}"])
def test_a_signer_is_entered_and_nothing_else_is_changed(form: str, name: str) -> None:
    before, new = FORMS[form], signer(name, may_sign=RiskLevel.MEDIUM)
    after = with_signer(before, new)
    assert set(load_policy(after).signers) == {*load_policy(before).signers, new}
    assert load_policy(after).max_affected_pods == load_policy(before).max_affected_pods
    # Every line that was there is there, in its order.
    lines = iter(after.splitlines())
    assert "[" in before or all(any(line == other for other in lines) for line in before.splitlines())


@given(
    st.lists(st.sampled_from(["bob", "carol", "dora"]), unique=True, max_size=3),
    st.fixed_dictionaries({}, optional={"max_affected_pods": st.just(3), "protected_namespaces": st.just(["a"])}),
    st.booleans(),
    st.integers(2, 6),
)
def test_whatever_wrote_the_policy(names: list[str], others: dict[str, object], flow: bool, indent: int) -> None:
    signers = [{"name": name, "ed25519": key} for name, key in zip(names, KEYS[1:], strict=False)]
    before = yaml.safe_dump({**others, "signers": signers}, default_flow_style=flow, indent=indent)
    after = with_signer(before, signer("alice"))
    assert {one.name for one in load_policy(after).signers} == {*names, "alice"}


@pytest.mark.parametrize("name", ["bob", "BOB", "\uff42ob"])
def test_a_name_is_entered_once(name: str) -> None:
    with pytest.raises(InvalidInput, match="already"):
        with_signer(FORMS["a list"], signer(name))


@pytest.mark.parametrize("text", ["", "- a\n", "signers: 5\n", "sigers: []\n", "\ud800"])
def test_what_is_no_policy_is_left_alone(text: str) -> None:
    with pytest.raises(ConfigurationError):
        with_signer(text, signer("alice"))


def test_a_form_without_a_place_is_entered_by_hand() -> None:
    with pytest.raises(InvalidInput, match="not written as a list") as raised:
        with_signer("{max_affected_pods: 5}\n", signer("alice"))
    assert f'- name: "alice"\n    ed25519: {KEYS[0]}' in (raised.value.hint or "")


@pytest.fixture
def policy_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "policy.yaml"
    file.write_text(FORMS["a list"])
    file.chmod(0o640)
    monkeypatch.setenv("COUNTERSIGN_POLICY_FILE", str(file))
    monkeypatch.chdir(tmp_path)
    return file


def test_a_new_key_is_entered_in_the_file(policy_file: Path) -> None:
    told = CliRunner().invoke(app, ["keys", "new", "alice", "--enter"], catch_exceptions=False)
    assert (told.exit_code, told.stdout) == (0, "")
    assert [one.name for one in load_policy(policy_file.read_text()).signers] == ["alice", "bob"]
    assert policy_file.stat().st_mode & 0o777 == 0o640
    assert sorted(file.name for file in policy_file.parent.iterdir()) == ["alice.key", "policy.yaml"]


def test_a_key_is_not_made_where_it_cannot_be_entered(policy_file: Path) -> None:
    with pytest.raises(InvalidInput, match="already"):
        CliRunner().invoke(app, ["keys", "new", "bob", "--enter"], catch_exceptions=False)
    assert [file.name for file in policy_file.parent.iterdir()] == ["policy.yaml"]


def test_a_colleague_s_public_key_is_entered(policy_file: Path) -> None:
    command = ["keys", "enter", "carol", KEYS[2], "--may-sign", "low"]
    assert CliRunner().invoke(app, command, catch_exceptions=False).exit_code == 0
    [found] = [one for one in load_policy(policy_file.read_text()).signers if one.name == "carol"]
    assert found == signer("carol", KEYS[2], RiskLevel.LOW)


@pytest.mark.parametrize("key", ["nonsense", "", "AAAA"])
def test_what_is_no_public_key_is_named(policy_file: Path, key: str) -> None:
    with pytest.raises(InvalidInput, match="the public key"):
        CliRunner().invoke(app, ["keys", "enter", "carol", key], catch_exceptions=False)


def test_where_nothing_is_running_the_key_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="COUNTERSIGN_DATABASE_URL is not set"):
        CliRunner().invoke(app, ["keys", "new", "alice", "--enter"], catch_exceptions=False)
    assert not list(tmp_path.iterdir())


def test_a_key_is_entered_in_the_record_by_this_machines_administrator(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust = tmp_path / "trust"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("COUNTERSIGN_TRUST_DIR", str(trust))
    make_administrator(trust, "root")
    for number, name in enumerate(("alice", "bob"), 1):
        told = CliRunner().invoke(app, ["keys", "new", name, "--enter"], catch_exceptions=False)
        assert f"version {number} of the policy, which is in force now" in told.output
    found = PolicyOnRecord(engine, trust).read()
    assert {one.name for one in found.policy.signers} == {"alice", "bob"}
    assert found.administrators == ("root",)


def test_a_passkey_is_entered_beside_ones_other_key() -> None:
    text = with_signer("four_eyes: true\n", signer("alice", may_sign=RiskLevel.HIGH))
    passkey = Authenticator().passkey
    both = load_policy(with_signer(text, Signer(name="alice", passkey=passkey, may_sign=RiskLevel.HIGH)))
    assert {(one.name, one.passkey) for one in both.signers} == {("alice", passkey), ("alice", None)}
    with pytest.raises(InvalidInput, match="up to high risk, and not critical"):
        with_signer(text, Signer(name="alice", passkey=passkey))
    with pytest.raises(InvalidInput, match="already"):
        with_signer(text, signer("alice", KEYS[1]))
