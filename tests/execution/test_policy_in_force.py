"""Reading the policy: cheap while nothing changes, new at once when something does, and never an older one."""

import os
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text

from countersign.errors import ConfigurationError, DatabaseUnavailable, InvalidInput, NotApproved, PolicyNotTrusted
from countersign.execution.hmac_secrets import FILE as SECRETS
from countersign.execution.hmac_secrets import signing_secrets
from countersign.execution.policy.change import first_policy, machines_key, make_administrator, own_key, publish
from countersign.execution.policy.in_force import PolicyFile, pinned_administrators, policy_source
from countersign.execution.policy.inspection import check_policy
from countersign.execution.policy.versions_seen import FILE as SEEN
from countersign.execution.policy.versions_seen import SeenVersions
from countersign.policy.administrators import FILE
from countersign.policy.keys import generate_ed25519, load_private_key
from countersign.policy.loading import default_policy
from countersign.records.database.engine import transaction
from countersign.records.policy_versions import PolicyMark
from countersign.secret_files import replace_secret_file
from countersign.settings import Settings
from tests.planted import plant
from tests.policy.board import Board, board, pinned, policy


@pytest.fixture
def ann(engine: Engine, tmp_path: Path) -> Board:
    return board(engine, tmp_path / "trust")


def statements(engine: Engine) -> list[str]:
    seen: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def _note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    return seen


def test_without_any_policy_nothing_can_be_approved(ann: Board) -> None:
    found = ann.source().read()
    assert (found.policy, found.mark) == (default_policy(), None)


def test_what_is_proposed_or_signed_is_not_in_force_until_it_is_activated(ann: Board) -> None:
    first = ann.put_in_force(policy(max_affected_pods=1))
    source = ann.source()
    second = ann.propose(policy(max_affected_pods=2))
    ann.sign(2, "ann")
    assert source.read().mark == PolicyMark(1, first.hash)
    ann.activate(2)
    found = source.read()
    assert (found.policy.max_affected_pods, found.mark) == (2, PolicyMark(2, second.hash))
    assert found.administrators == ("ann",)


def test_a_reading_is_one_statement_and_nothing_is_parsed_again_while_nothing_changes(ann: Board) -> None:
    ann.put_in_force(policy())
    source = ann.source()
    first = source.read()
    seen = statements(ann.engine)
    assert source.read() is first
    assert len(seen) == 1


def test_whoever_is_no_administrator_any_more_is_noticed_at_the_next_reading(ann: Board) -> None:
    ann.put_in_force(policy())
    source = ann.source()
    source.read()
    ben = ann.pin(pinned("ben"))
    with pytest.raises(PolicyNotTrusted, match="0 of 1 administrators' signatures count"):
        source.read()
    ben.sign(1, "ben")
    assert source.read().administrators == ("ben",)


def test_a_quorum_of_two_needs_two(engine: Engine, tmp_path: Path) -> None:
    both = board(engine, tmp_path, "ann", "ben", quorum=2)
    both.propose(policy())
    both.sign(1, "ann")
    with pytest.raises(NotApproved, match="needs 2 administrators' signatures and 1 count"):
        both.activate(1)
    with pytest.raises(InvalidInput, match="ann has signed version 1 of the policy already, and counts once"):
        both.sign(1, "ann")
    both.sign(1, "ben")
    both.activate(1)
    assert both.source().read().administrators == ("ann", "ben")


@pytest.mark.parametrize(
    "document", ["", "kill_swich: true", "kill_switch: false", "a: [", policy(max_scale_factor=0)]
)
def test_what_cannot_work_is_not_even_proposed(ann: Board, document: str) -> None:
    with pytest.raises(ConfigurationError):
        ann.propose(document)
    with transaction(ann.engine) as session:
        assert session.execute(text("SELECT count(*) FROM policy_version")).scalar_one() == 0


@pytest.mark.parametrize("reason", ["", " ", "two\nlines", "\x1b[2J", "x" * 2001])
def test_a_reason_is_given_on_one_line(ann: Board, reason: str) -> None:
    with pytest.raises(InvalidInput, match="reason"):
        ann.propose(policy(), reason=reason)


def test_a_database_that_keeps_one_waiting_is_unavailable_and_nothing_else(ann: Board, all_rights: Engine) -> None:
    ann.put_in_force(policy())
    source = ann.source()
    source.read()
    with all_rights.connect() as blocking:
        blocking.execute(text("LOCK TABLE policy_version IN ACCESS EXCLUSIVE MODE"))

        @event.listens_for(ann.engine, "begin")
        def _impatient(connection: object) -> None:
            connection.exec_driver_sql("SET lock_timeout = '50ms'")  # type: ignore[attr-defined]

        with pytest.raises(DatabaseUnavailable):
            source.read()
        blocking.rollback()
    assert source.read().mark is not None


def test_what_was_seen_survives_the_process_and_a_line_that_was_cut(ann: Board) -> None:
    first, second = ann.put_in_force(policy()), ann.put_in_force(policy(max_affected_pods=2))
    ann.source().read()
    file = ann.trust_dir / SEEN
    assert file.stat().st_mode & 0o777 == 0o600
    with file.open("ab") as stream:
        stream.write(b"3 abc")
    seen = SeenVersions(ann.trust_dir)
    seen.remember(4, first.hash)
    assert SeenVersions(ann.trust_dir).newest() == seen.newest()
    with pytest.raises(
        PolicyNotTrusted, match=f"version 2 of the policy is in force on record, and {file} has seen version 4"
    ):
        SeenVersions(ann.trust_dir).require_newest(2, second.hash)
    file.chmod(0o662)
    with pytest.raises(ConfigurationError, match="can be written by others"):
        SeenVersions(ann.trust_dir).newest()


def test_where_the_folder_cannot_be_written_a_process_remembers_by_itself(tmp_path: Path) -> None:
    (tmp_path / SEEN).mkdir()  # whatever is opened there to be written is refused, whoever runs this
    seen = SeenVersions(tmp_path / SEEN / "no" / "folder")
    seen.remember(2, "a" * 64)
    with pytest.raises(PolicyNotTrusted, match="this process has seen version 2"):
        seen.require_newest(1, "b" * 64)


def test_several_processes_add_their_lines_at_once(tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=SeenVersions(tmp_path).remember, args=(n, f"{n % 10}" * 64)) for n in range(1, 30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    newest = SeenVersions(tmp_path).newest()
    assert newest is not None and newest.number == 29


def test_a_file_decides_alone_where_it_is_named(ann: Board, tmp_path: Path) -> None:
    ann.put_in_force(policy(max_affected_pods=1))
    file = tmp_path / "policy.yaml"
    file.write_text(policy(max_affected_pods=7))
    source = policy_source(Settings(policy_file=file, trust_dir=ann.trust_dir), ann.engine)
    found = source.read()
    assert found.policy.max_affected_pods == 7
    assert found.mark is not None and found.mark.number is None
    assert source.read() is found
    file.write_text(policy(max_affected_pods=8))
    assert source.read().policy.max_affected_pods == 8


@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602])
def test_a_file_that_others_may_write_decides_nothing(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(policy())
    file.chmod(mode)
    with pytest.raises(ConfigurationError, match="can be written by others than this user"):
        PolicyFile(file).read()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_decides_nothing(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(policy())
    os.chown(file, 12345, 12345)
    with pytest.raises(ConfigurationError, match="owner 12345"):
        PolicyFile(file).read()


def test_a_first_policy_works_and_is_made_once(engine: Engine, tmp_path: Path) -> None:
    trust = tmp_path / "trust"
    assert make_administrator(trust, "ann")
    assert not make_administrator(trust, "ben")
    for made in (True, False):
        with transaction(engine) as session:
            assert first_policy(session, trust, name="ann") is made
    found = Board(engine, trust, pinned_administrators(trust)).source().read()
    assert [signer.name for signer in found.policy.signers] == ["ann"]
    assert found.administrators == ("ann",)
    assert (trust / FILE).stat().st_mode & 0o777 == 0o600


def test_nobody_is_made_an_administrator_where_others_are_pinned(ann: Board) -> None:
    assert not make_administrator(ann.trust_dir, "mallory")
    with transaction(ann.engine) as session:
        assert not first_policy(session, ann.trust_dir, name="mallory")
    with pytest.raises(ConfigurationError, match="is missing"):
        machines_key(ann.trust_dir, ann.pinned)


def test_one_key_of_two_is_proposed_and_said(engine: Engine, tmp_path: Path) -> None:
    make_administrator(tmp_path, "root")
    [own] = pinned_administrators(tmp_path).administrators
    two = {"quorum": 2, "administrators": [own, *pinned("ann").administrators]}
    administrators = type(pinned("ann")).model_validate(two)
    Board(engine, tmp_path, administrators).pin(administrators)
    with transaction(engine) as session:
        key = machines_key(tmp_path, administrators)
        made = publish(session, policy(), author="root", reason="why", own=key, pinned=administrators)
    assert not made.is_in_force
    assert "signed by 1 of 2 administrators" in made.said
    assert Board(engine, tmp_path, administrators).source().read().mark is None


def test_a_check_says_what_the_policy_amounts_to_and_what_is_missing(ann: Board) -> None:
    settings = Settings(trust_dir=ann.trust_dir)
    with pytest.raises(ConfigurationError, match="no policy is in force"):
        check_policy(settings, ann.engine)
    ann.put_in_force(policy() + "  - name: bot\n    hmac: bot-key\n")
    ann.propose(policy())
    with pytest.raises(ConfigurationError, match="the secrets of the HMAC keys bot-key are missing"):
        check_policy(settings, ann.engine)
    replace_secret_file(ann.trust_dir, SECRETS, b"bot-key: a secret of the bot, long enough")
    said = str(check_policy(settings, ann.engine))
    assert said == (
        "alice, bot may sign; 0 freeze windows. The policy's kill_switch is off. "
        "Version 1, signed by ann. Version 2 is proposed and not in force."
    )


SECRET = plant("hunter2-of-the-release-bot")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("- a", "is not a mapping"),
        ("bot: 7", "line 1: the secret of 'bot' is not text"),
        ("bot: short", "at least 16 are needed"),
        (f"bot: {SECRET}\nbot: {SECRET}", "'bot' is given twice"),
    ],
)
def test_a_mistake_in_the_secrets_is_said_without_them(tmp_path: Path, content: str, said: str) -> None:
    replace_secret_file(tmp_path, SECRETS, content.encode())
    with pytest.raises(ConfigurationError) as caught:
        signing_secrets(tmp_path)
    assert said in caught.value.message
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"


def test_secrets_are_read_by_their_keys_and_by_nobody_else(tmp_path: Path) -> None:
    assert signing_secrets(None) == signing_secrets(tmp_path) == {}
    replace_secret_file(tmp_path, SECRETS, f"bot: {SECRET}".encode())
    assert signing_secrets(tmp_path)["bot"].get_secret_value() == SECRET
    (tmp_path / SECRETS).chmod(0o640)
    with pytest.raises(ConfigurationError, match="can be read or written by others"):
        signing_secrets(tmp_path)


def test_somebody_elses_key_does_not_sign(ann: Board) -> None:
    with pytest.raises(NotApproved, match="is no pinned administrator's"):
        own_key(load_private_key(generate_ed25519()[0]), ann.pinned)
