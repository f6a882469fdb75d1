"""Another key seals from some row on; what the one before it signed still counts, up to there."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from countersign.audit import rotating
from countersign.audit.exporting import proof_of
from countersign.audit.heads import (
    NEXT_FILE,
    PAST_FILE,
    head_path,
    make_sealing_key,
    next_of,
    read_head,
    sealer_of,
    sealer_of_head,
    take_its_place,
    with_predecessors,
)
from countersign.audit.notes import Checkpoint, Sealer, hand_over, open_checkpoint, preceded, read_rotation
from countersign.audit.rotating import prepare, rotate
from countersign.audit.sealing import Sealing
from countersign.audit.verifier import check
from countersign.audit.verifying import verify
from countersign.errors import Tampered
from countersign.records.audit_tree import last_head, rotation_notes
from countersign.records.database.engine import transaction
from countersign.settings import Settings
from tests.audit.conftest import append

OLD, NEW, NEWEST = (Sealer(bytes([number]) * 32) for number in (1, 2, 3))
ROOT = b"\x07" * 32


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    make_sealing_key(tmp_path / "trust")
    return Settings(trust_dir=tmp_path / "trust")


def sealing_of(engine: Engine, settings: Settings) -> Sealing:
    """Return a worker's sealer."""
    sealer, path = sealer_of(settings), head_path(settings)
    return Sealing(engine, sealer, path, reread=lambda note: sealer_of_head(settings, note))


def holds(engine: Engine, settings: Settings) -> bool:
    """Tell whether everything verifies, against the saved head, with the keys of the trust folder."""
    verifier = sealer_of(settings).verifier
    return verify(engine, verifier=verifier, saved=read_head(head_path(settings), verifier)).findings == ()


def test_old_and_new_heads_proofs_and_rows_verify_after_a_rotation(engine: Engine, settings: Settings) -> None:
    chain = str(append(engine, 3))
    worker = sealing_of(engine, settings)
    worker.round()
    kept = head_path(settings).read_text()
    old = sealer_of(settings).verifier
    old_proof = proof_of(engine, chain, verifier=old)

    new = rotate(engine, settings, by="alice", reason="yearly")
    assert new != old and sealer_of(settings).verifier == new
    assert next_of(settings) is None
    append(engine, 2)
    # It was started with the old key, and goes on with the new one.
    worker.round()
    rotate(engine, settings, by="alice", reason="again")
    append(engine, 1)
    worker.round()
    newest = sealer_of(settings).verifier
    assert holds(engine, settings)
    assert [each.old for each in newest.earlier] == [new, old]

    # A head from before, kept elsewhere; and the proof of then, with the key of then.
    since = open_checkpoint(kept, newest)
    assert since.size == 3
    assert check(old_proof, str(old), None) == []
    proof = proof_of(engine, chain, verifier=newest, since=since)
    assert check(proof, str(newest), kept) == []
    told = {**proof, "rotations": []}
    assert check(told, str(newest), kept) == ["the kept head: the head is not signed by this key"]

    with transaction(engine) as session:
        assert len(rotation_notes(session)) == 2
        bare = with_predecessors(session, Sealer(bytes(32)).verifier)
        assert bare.earlier == ()
        told_by_rows = with_predecessors(session, type(newest)(newest.name, newest.key))
    assert [each.old for each in told_by_rows.earlier] == [new, old]


def test_what_a_replaced_key_signs_beyond_its_end_counts_for_nothing() -> None:
    note = hand_over(OLD, NEW, size=10, root=ROOT)
    trusted = preceded(NEW.verifier, [note])
    assert open_checkpoint(OLD.sign(9, b"\x01" * 32), trusted).size == 9
    assert open_checkpoint(OLD.sign(10, ROOT), trusted).size == 10
    for forged in (OLD.sign(11, ROOT), OLD.sign(10, b"\x01" * 32)):
        with pytest.raises(Tampered):
            open_checkpoint(forged, trusted)


def test_a_replaced_key_hands_over_to_nobody_later() -> None:
    """Has leaked: says that another was before it, or after it."""
    real = hand_over(OLD, NEW, size=10, root=ROOT)
    mallory = Sealer(b"\x66" * 32)
    for forged in (hand_over(mallory, OLD, size=11, root=ROOT), hand_over(OLD, mallory, size=5, root=ROOT)):
        trusted = preceded(NEW.verifier, [forged, real])
        with pytest.raises(Tampered):
            open_checkpoint(mallory.sign(11, ROOT), trusted)
    chain = preceded(NEWEST.verifier, [real, hand_over(NEW, NEWEST, size=20, root=ROOT)])
    assert [each.old for each in chain.earlier] == [NEW.verifier, OLD.verifier]


@pytest.mark.parametrize("missing", [0, 1])
def test_a_rotation_is_signed_by_both(missing: int) -> None:
    lines = hand_over(OLD, NEW, size=10, root=ROOT).splitlines(keepends=True)
    del lines[-1 - missing]
    with pytest.raises(Tampered):
        read_rotation("".join(lines))
    with pytest.raises(Tampered):
        read_rotation(hand_over(OLD, NEW, size=10, root=ROOT).replace("\n10\n", "\n11\n"))


def test_another_history_under_the_old_key_is_named(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    """Holds the old key and the database, from before the rotation: signs another beginning."""
    append(engine, 3)
    elsewhere = Settings(trust_dir=tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    key = tmp_path / "trust" / "audit-seal.key"
    (tmp_path / "elsewhere" / "audit-seal.key").write_bytes(key.read_bytes())
    (tmp_path / "elsewhere" / "audit-seal.key").chmod(0o600)
    sealing_of(engine, elsewhere).round()
    with transaction(engine) as session:
        head = last_head(session)
    assert head is not None
    other = hand_over(sealer_of(settings), NEW, size=head.size, root=ROOT)
    verifier = preceded(NEW.verifier, [other])
    found = verify(engine, verifier=verifier, saved=None)
    assert any("a replaced sealing key handed over" in one.sentence for one in found.findings)


def test_a_copy_from_before_the_rotation_is_gone_on_with(engine: Engine, settings: Settings) -> None:
    append(engine, 3)
    sealing_of(engine, settings).round()
    with transaction(engine) as session:
        head = last_head(session)
    assert head is not None and settings.trust_dir is not None
    old, new = sealer_of(settings), prepare(settings)
    (settings.trust_dir / PAST_FILE).write_text(hand_over(old, new, size=head.size, root=head.root))
    (settings.trust_dir / PAST_FILE).chmod(0o600)
    take_its_place(settings)
    append(engine, 1)
    done = sealing_of(engine, settings).round()
    assert done is not None and done.size == 4
    assert holds(engine, settings)


class Died(BaseException):
    pass


@pytest.mark.parametrize("moment", ["prepared", "kept", "before the commit", "after the commit", "head written"])
def test_killed_at_any_moment_it_works_and_the_next_attempt_ends_it(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    append(engine, 3)
    worker = sealing_of(engine, settings)
    worker.round()
    first = sealer_of(settings).verifier

    def dies(*_: object, **__: object) -> None:
        raise Died

    with monkeypatch.context() as killed:
        match moment:
            case "prepared":
                killed.setattr(Sealing, "hand_over", dies)
            case "kept":
                killed.setattr("countersign.audit.sealing.audit.record", dies)
            case "before the commit":
                killed.setattr("countersign.audit.sealing.add_head", dies)
            case "after the commit":
                killed.setattr("countersign.audit.sealing.write_head", dies)
            case _:
                killed.setattr(rotating, "take_its_place", dies)
        with pytest.raises(Died):
            rotate(engine, settings, by="alice", reason="yearly")
    assert holds(engine, settings)
    append(engine, 1)
    assert worker.round() is not None
    assert sealing_of(engine, settings).round() is not None
    assert holds(engine, settings)
    is_over = moment in ("after the commit", "head written")
    assert (sealer_of(settings).verifier != first) == is_over
    following = rotate(engine, settings, by="alice", reason="yearly")
    assert sealer_of(settings).verifier == following != first
    append(engine, 1)
    worker.round()
    assert holds(engine, settings)
    assert not (settings.trust_dir or Path()).joinpath(NEXT_FILE).exists()


def test_a_prepared_key_is_the_one_that_is_used_and_other_hosts_find_it(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    append(engine, 1)
    prepared = prepare(settings).verifier
    assert prepare(settings).verifier == prepared
    other = Settings(trust_dir=tmp_path / "other", audit_head_file=head_path(settings))
    (tmp_path / "other").mkdir(mode=0o700)
    for path in (tmp_path / "trust").glob("audit-seal.*"):
        copy = tmp_path / "other" / path.name
        copy.write_bytes(path.read_bytes())
        copy.chmod(0o600)
    worker = sealing_of(engine, other)
    worker.round()
    assert rotate(engine, settings, by="alice", reason="yearly") == prepared
    append(engine, 1)
    assert worker.round() is not None
    assert sealer_of(other).verifier == prepared


def test_the_command_is_killed_between_the_row_and_the_key(
    engine: Engine, settings: Settings, database_url: str, request: pytest.FixtureRequest
) -> None:
    if not request.config.getoption("--whole-matrix", default=False):
        pytest.skip("starts a process to kill it: make faults")
    append(engine, 3)
    sealing_of(engine, settings).round()
    program = (
        "import os, signal, sys; from countersign.audit import rotating; from countersign.cli import main; "
        "rotating.take_its_place = lambda settings: os.kill(os.getpid(), signal.SIGKILL); "
        "sys.argv[:] = ['countersign', 'audit', 'rotate-key', '--reason', 'yearly', '--by', 'alice']; main()"
    )
    environment = {
        **os.environ,
        "COUNTERSIGN_DATABASE_URL": database_url,
        "COUNTERSIGN_TRUST_DIR": str(settings.trust_dir),
    }
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    before = sealer_of(settings).verifier
    assert holds(engine, settings)
    append(engine, 1)
    sealing_of(engine, settings).round()
    assert sealer_of(settings).verifier != before
    assert holds(engine, settings)


def test_checkpoints_name_who_signed_them() -> None:
    assert open_checkpoint(OLD.sign(1, ROOT), OLD.verifier) == Checkpoint(OLD.verifier.name, 1, ROOT)
