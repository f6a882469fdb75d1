"""`countersign policy` from the first proposal to the second version, and what is said when something is wrong."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from countersign.cli import app
from countersign.cli.doctor import examine
from countersign.errors import ConfigurationError, CountersignError, InvalidInput, NotApproved, NotFound
from countersign.execution.filing import Request, file_request
from countersign.policy.document import Policy
from countersign.private_files import write_private
from countersign.records.database.engine import transaction
from countersign.settings import Settings
from tests.planted import plant
from tests.policy.board import KEYS, Board, board, pinned, policy


@pytest.fixture
def ann(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    """Ann, pinned alone, and her commands."""
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("COUNTERSIGN_TRUST_DIR", str(tmp_path / "trust"))
    monkeypatch.chdir(tmp_path)
    for name, key in KEYS.items():
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(Path(f"{name}.key"), pem)
    return board(engine, tmp_path / "trust")


def run(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["policy", *words])
    if isinstance(result.exception, CountersignError):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def proposed(**fields: object) -> str:
    Path("new.yaml").write_text(policy(**fields))
    return run("propose", "new.yaml", "--reason", "it is time").stdout.strip()


def test_a_policy_is_proposed_signed_and_activated(ann: Board) -> None:
    assert "countersign policy propose" in run("show").output
    assert proposed(max_affected_pods=3) == "1"
    shown = run("sign", "1", "--as", "ann", "--key", "ann.key", "--yes").stdout
    assert "+max_affected_pods: 3" in shown
    assert "Signed: 1 of 1 (ann). Now: countersign policy activate 1" in shown
    assert run("activate", "1").stdout == "Version 1 is in force, signed by ann.\n"
    assert run("show").stdout == policy(max_affected_pods=3)
    assert "version 1" in run("show").stderr
    assert "alice may sign" in run("check").stdout


def test_what_changes_is_shown_before_and_after(ann: Board) -> None:
    ann.put_in_force(policy(max_affected_pods=3))
    assert proposed(max_affected_pods=4) == "2"
    for shown in (run("diff"), run("diff", "2"), run("diff", "1", "2"), run("diff", "new.yaml")):
        assert "-max_affected_pods: 3\n+max_affected_pods: 4\n" in shown.stdout
    assert run("diff", "1").stdout == "nothing differs\n"
    first, second = (line.split() for line in run("history").stdout.splitlines()[1:])
    assert (first[0], first[1], second[0], second[1], second[2]) == ("2", "proposed", "1", "in", "force")
    assert "-max_affected_pods: 3" in run("history", "--diff").stdout
    assert run("show", "2").stdout == policy(max_affected_pods=4)


def test_nothing_is_signed_without_a_yes(ann: Board) -> None:
    proposed()
    CliRunner().invoke(app, ["policy", "sign", "1", "--key", "ann.key"], input="n\n")
    with pytest.raises(NotApproved, match="needs 1 administrators' signatures and 0 count"):
        run("activate", "1")


def test_a_mistake_names_the_field_and_the_line_and_proposes_nothing(ann: Board) -> None:
    Path("new.yaml").write_text("# a comment\nmax_afected_pods: 3\n")
    for command in (("propose", "new.yaml", "--reason", "r"), ("check", "new.yaml")):
        with pytest.raises(ConfigurationError, match=r"new.yaml, line 2: max_afected_pods: there is no such field"):
            run(*command)
    Path("new.yaml").write_text("max_affected_pods: 3\n")
    for command in (("propose", "new.yaml", "--reason", "r"), ("check", "new.yaml")):
        with pytest.raises(ConfigurationError, match="names no signers, so nothing could be approved"):
            run(*command)
    with pytest.raises(NotFound):
        run("sign", "1", "--key", "ann.key", "--yes")


def test_whose_key_it_is_is_checked_before_anything_is_signed(ann: Board) -> None:
    proposed()
    with pytest.raises(NotApproved, match="is no pinned administrator's"):
        run("sign", "1", "--key", "ben.key", "--yes")
    with pytest.raises(InvalidInput, match="this key is not ben's but ann's"):
        run("sign", "1", "--as", "ben", "--key", "ann.key", "--yes")
    with pytest.raises(InvalidInput, match=r"none\.key cannot be read: No such file"):
        run("sign", "1", "--key", "none.key", "--yes")
    write_private(Path("broken.key"), plant("hunter2-no-key"))
    with pytest.raises(InvalidInput, match="is no private key in PEM"):
        run("sign", "1", "--key", "broken.key", "--yes")


def test_what_was_replaced_is_proposed_anew_and_not_activated_again(ann: Board) -> None:
    ann.put_in_force(policy(max_affected_pods=3))
    ann.put_in_force(policy(max_affected_pods=4))
    with pytest.raises(InvalidInput, match="version 1 of the policy cannot be activated") as caught:
        run("activate", "1")
    assert "countersign policy show 1" in (caught.value.hint or "")


def test_the_record_decides_nothing_where_a_file_is_named_and_says_so(
    ann: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("policy.yaml").write_text(policy(max_affected_pods=9))
    monkeypatch.setenv("COUNTERSIGN_POLICY_FILE", "policy.yaml")
    for command in (("propose", "policy.yaml", "--reason", "r"), ("activate", "1"), ("sign", "1")):
        with pytest.raises(ConfigurationError, match=r"the policy is the file policy\.yaml"):
            run(*command)
    assert run("show").stdout == policy(max_affected_pods=9)
    assert run("check").stdout.endswith("It is the file policy.yaml.\n")


def doctor(ann: Board) -> tuple[bool, str]:
    settings = Settings(database_url=ann.engine.url.render_as_string(hide_password=False), trust_dir=ann.trust_dir)
    [answer] = [one for one in examine(settings) if one.name == "policy"]
    return answer.fine, answer.said


def test_doctor_says_whether_the_record_can_be_believed(ann: Board) -> None:
    fine, said = doctor(ann)
    assert not fine and "no policy is in force" in said
    ann.put_in_force(policy())
    assert doctor(ann) == (
        True,
        "alice may sign; 0 freeze windows. The policy's kill_switch is off. Version 1, signed by ann.",
    )
    ann.pin(pinned("ben"))
    fine, said = doctor(ann)
    assert not fine and "0 of 1 administrators' signatures count" in said
    (ann.trust_dir / "policy-administrators").chmod(0o644)
    fine, said = doctor(ann)
    assert not fine and "can be read or written by others (mode 644)" in said
    (ann.trust_dir / "policy-administrators").unlink()
    fine, said = doctor(ann)
    assert not fine and "policy-administrators is missing" in said


def test_explain_says_what_is_against_it_and_exits_as_a_refusal(ann: Board) -> None:
    ann.put_in_force(policy(kill_switch="true"))
    request = Request(action="kubectl rollout restart deployment/api -n prod", requested_by="carol")
    with transaction(ann.engine) as session:
        approval = str(file_request(session, request, policy=Policy(), now=datetime.now(UTC)).approval.id)
    told = run("explain", approval, code=4).stdout
    assert told.startswith("It would not run now (policy, version 1 (")
    assert "NO  approval" in told
    assert "NO  kill_switch    the policy's kill_switch is on." in told
    with pytest.raises(InvalidInput, match="is not an identifier"):
        run("explain", "abc")
