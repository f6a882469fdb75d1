"""`countersign keys new`: a key that only its owner can read, and an entry that the policy accepts."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from countersign.cli import app
from countersign.errors import InvalidInput
from countersign.policy import Decision, load_policy, sign_ed25519, verify_approval
from countersign.policy.approval import RecordedSignature
from countersign.policy.keys import load_private_key
from tests.policy.people import APPROVAL, AT, CONTENT


@pytest.mark.parametrize("name", ["alice@example.com", "阿明", "a: b #c", "ops/alice"])
def test_the_printed_entry_verifies_what_the_written_key_signs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["keys", "new", name], catch_exceptions=False)
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in result.output
    key = load_private_key(SecretStr(file.read_text()))
    value = sign_ed25519(CONTENT, approval_id=APPROVAL, signer=name, decision=Decision.APPROVE, key=key)
    recorded = RecordedSignature(name, "approve", "", value.algorithm, value.key_id, value.value, AT)
    verified = verify_approval(
        CONTENT,
        [recorded],
        approval_id=APPROVAL,
        policy=load_policy(result.stdout),
        secrets={},
    )
    assert verified.signers == (name,)


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("precious")
    with pytest.raises(InvalidInput, match="exists already"):
        CliRunner().invoke(app, ["keys", "new", "alice", "--to", str(file)], catch_exceptions=False)
    assert file.read_text() == "precious"


@pytest.mark.parametrize("name", ["", " alice", "al\nice"])
def test_a_name_that_no_signer_can_have_makes_no_key(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match="cannot be a signer's"):
        CliRunner().invoke(app, ["keys", "new", name], catch_exceptions=False)
    assert not list(tmp_path.iterdir())
