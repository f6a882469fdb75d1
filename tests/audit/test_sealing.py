"""The sealer takes every committed row once, in order, whoever commits when, and signs what it took."""

from pathlib import Path
from threading import Event as Signal
from threading import Thread

import pytest
from sqlalchemy import Engine, text

from countersign.audit import sealing as module
from countersign.audit.notes import Sealer, open_checkpoint
from countersign.audit.sealing import Sealing
from countersign.audit.tiles import StoredHashes
from countersign.audit.tree import hashes_of, inclusion_proof, root
from countersign.audit.verifier import root_of
from countersign.errors import Tampered
from countersign.records import audit
from countersign.records.audit import Event
from countersign.records.audit_tree import become_sealer, last_head
from countersign.records.database.engine import transaction
from countersign.records.database.identifiers import new_id
from tests.audit.conftest import append

LEAVES = text("SELECT event_id FROM audit_leaf ORDER BY leaf_index")
EVENTS = text("SELECT id FROM audit_event ORDER BY id")
HASHES = text("SELECT hash FROM audit_leaf ORDER BY leaf_index")


def sealed(engine: Engine) -> list[int]:
    with transaction(engine) as session:
        return list(session.execute(LEAVES).scalars())


def written(engine: Engine) -> list[int]:
    with transaction(engine) as session:
        return list(session.execute(EVENTS).scalars())


def test_what_is_committed_is_sealed_once(engine: Engine, sealing: Sealing, key: Sealer, head_file: Path) -> None:
    append(engine, 3)
    done = sealing.round()
    assert done is not None and (done.rows, done.size) == (3, 3)
    again = sealing.round()
    assert again is not None and (again.rows, again.size) == (0, 3)
    assert sealed(engine) == written(engine)
    with transaction(engine) as session:
        head, leaves = last_head(session), list(session.execute(HASHES).scalars())
    assert head is not None and head.root == root(hashes_of(leaves), 3)
    assert open_checkpoint(head_file.read_text(), key.verifier).root == head.root


def test_nothing_to_seal_makes_no_head(sealing: Sealing, head_file: Path) -> None:
    done = sealing.round()
    assert done is not None and (done.size, done.note) == (0, None)
    assert not head_file.exists()


def test_a_transaction_that_commits_late_is_sealed_late_and_not_left_out(engine: Engine, sealing: Sealing) -> None:
    begun, go_on = Signal(), Signal()

    def late() -> None:
        with transaction(engine) as session:
            audit.record(session, Event.ACCESS_REFUSED, approval_id=new_id())
            begun.set()
            go_on.wait(60)

    writer = Thread(target=late)
    writer.start()
    begun.wait(60)
    # Rows with higher ids are committed and sealed, over and over, while the lower one is still open.
    for _ in range(4):
        append(engine, 2)
        sealing.round()
    assert len(sealed(engine)) == 8
    go_on.set()
    writer.join()
    sealing.round()
    assert sorted(sealed(engine)) == written(engine)
    assert sealed(engine)[-1] == min(written(engine))


def test_rows_that_cannot_be_joined_any_more_are_not_looked_at_again(engine: Engine, sealing: Sealing) -> None:
    for _ in range(4):
        append(engine, 2)
        sealing.round()
    with transaction(engine) as session:
        head = last_head(session)
    assert head is not None and 0 < head.settled < max(written(engine))


def test_rows_of_a_chain_keep_their_order(engine: Engine, sealing: Sealing) -> None:
    # The second row's transaction has the lower number.
    with engine.connect() as early, transaction(engine) as first:
        early.execute(text("SELECT pg_current_xact_id()"))
        chain = new_id()
        audit.record(first, Event.ACCESS_REFUSED, approval_id=chain)
        first.commit()
        early.execute(text("SELECT audit_append(:chain, 'a:b:c', 'x', '', '{}')"), {"chain": str(chain)})
        sealing.round()
        early.commit()
    sealing.round()
    assert sealed(engine) == written(engine)


def test_a_second_sealer_goes_on_where_the_first_stopped(engine: Engine, sealing: Sealing, key: Sealer) -> None:
    other = Sealing(engine, key, sealing._head_file)
    for turn in range(6):
        append(engine, 3)
        done = (sealing, other)[turn % 2].round()
        assert done is not None and done.rows == 3
    with transaction(engine) as session:
        head, leaves = last_head(session), list(session.execute(HASHES).scalars())
    assert head is not None and head.root == root(hashes_of(leaves), 18)


def test_two_sealers_at_once_are_one(engine: Engine, sealing: Sealing) -> None:
    append(engine, 1)
    with transaction(engine) as session:
        assert become_sealer(session)
        assert sealing.round() is None
    assert sealed(engine) == []


def test_a_sealer_whose_commit_failed_reads_the_tree_again(
    engine: Engine, sealing: Sealing, key: Sealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(engine, 2)
    with monkeypatch.context() as patched:

        def fails(*_: object) -> None:
            raise ConnectionError

        patched.setattr(module, "add_head", fails)
        with pytest.raises(ConnectionError):
            sealing.round()
    append(engine, 1)
    done = sealing.round()
    assert done is not None and done.rows == 3
    with transaction(engine) as session:
        assert last_head(session).root == root(hashes_of(list(session.execute(HASHES).scalars())), 3)  # type: ignore[union-attr]


def test_many_rows_are_sealed_in_parts_and_every_one_is_proved_from_what_is_stored(
    engine: Engine, sealing: Sealing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 200)
    with transaction(engine) as session:
        session.execute(
            text("SELECT audit_append('c' || n % 7, 'a:b:c', 'x', '', '{}') FROM generate_series(1, 700) AS n")
        )
    done = sealing.round()
    assert done is not None and (done.rows, done.size) == (700, 700)
    with transaction(engine) as session:
        leaves = list(session.execute(HASHES).scalars())
        head = last_head(session)
        assert head is not None
        for index in (0, 255, 256, 511, 512, 699):
            proof = inclusion_proof(StoredHashes(session), index, 700)
            assert root_of(leaves[index], index, 700, proof) == head.root
            assert proof == inclusion_proof(hashes_of(leaves), index, 700)


def test_a_head_that_was_saved_is_never_gone_back_behind(
    engine: Engine, sealing: Sealing, key: Sealer, head_file: Path
) -> None:
    append(engine, 2)
    sealing.round()
    head_file.write_text(key.sign(5, bytes(32)))
    append(engine, 1)
    with pytest.raises(Tampered, match="2 sealed rows, and had 5"):
        Sealing(engine, key, head_file).round()
    kept = sealing.resume(by="alice", reason="restored last night's copy")
    assert kept is not None and open_checkpoint(kept.read_text(), key.verifier).size == 5
    done = sealing.round()
    assert done is not None and done.size == 4
    assert open_checkpoint(head_file.read_text(), key.verifier).size == 4


def test_a_tree_that_is_another_one_is_not_sealed_on(
    engine: Engine, sealing: Sealing, key: Sealer, head_file: Path
) -> None:
    append(engine, 3)
    sealing.round()
    head_file.write_text(key.sign(2, bytes(32)))
    with pytest.raises(Tampered, match="first 2 rows"):
        sealing.round()
