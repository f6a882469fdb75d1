"""The record of the policy: dense numbers, one chain, one version in force; nothing is changed or taken back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from countersign.errors import InvalidInput, NotFound, PolicyNotTrusted, StaleFence
from countersign.records.database.engine import transaction
from countersign.records.owned import Owned
from countersign.records.policy_versions import (
    PolicyMark,
    activate_version,
    add_policy_signature,
    add_version,
    get_version,
    in_force,
    lock_versions,
    note_policy,
    versions,
)
from countersign.records.queries import get_execution
from tests.records.builders import approved, claims

HASHES = ["", *(str(number) * 64 for number in range(1, 6))]


def add(engine: Engine, number: int, *, after: str | None = None) -> None:
    with transaction(engine) as session:
        add_version(
            session,
            number=number,
            document=f"version {number}",
            hash=HASHES[number],
            previous_hash=after or (HASHES[number - 1] if number > 1 else None),
            author="ann",
            reason="why",
            proposed_at=datetime.now(UTC),
        )


@pytest.fixture
def three(engine: Engine) -> Engine:
    for number in (1, 2, 3):
        add(engine, number)
    return engine


def test_the_highest_activated_number_is_in_force(three: Engine) -> None:
    with transaction(three) as session:
        assert in_force(session) is None
        activate_version(session, 1, by="ann")
        activate_version(session, 3, by="ann")
        assert in_force(session) == PolicyMark(3, HASHES[3])
        assert [row.number for row in versions(session)] == [3, 2, 1]


@pytest.mark.parametrize("number", [2, 3])
def test_an_older_version_and_the_one_in_force_cannot_be_activated(three: Engine, number: int) -> None:
    with transaction(three) as session:
        activate_version(session, 3, by="ann")
    with (
        pytest.raises(InvalidInput, match=f"version {number} of the policy cannot be activated"),
        transaction(three) as session,
    ):
        activate_version(session, number, by="ann")


@pytest.mark.parametrize(
    ("number", "after"), [(5, HASHES[3]), (4, HASHES[2]), (4, "f" * 64), (3, HASHES[2]), (1, None)]
)
def test_a_gap_a_fork_and_a_second_one_are_refused(three: Engine, number: int, after: str | None) -> None:
    with pytest.raises(InvalidInput, match=f"version {number} of the policy cannot be put on record"):
        add(three, number, after=after)


def test_two_proposals_at_once_get_two_numbers(engine: Engine) -> None:
    def propose(_: int) -> None:
        with transaction(engine) as session:
            last = lock_versions(session)
            number = 1 if last is None or last.number is None else last.number + 1
            add_version(
                session,
                number=number,
                document="d",
                hash=HASHES[number],
                previous_hash=last.hash if last else None,
                author="a",
                reason="r",
                proposed_at=datetime.now(UTC),
            )

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(propose, range(5)))
    with transaction(engine) as session:
        assert [row.number for row in versions(session)] == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE policy_version SET document = 'other'",
        "UPDATE policy_version SET reason = 'other', activated_at = now(), activated_by = 'x' WHERE number = 3",
        "UPDATE policy_version SET activated_at = NULL, activated_by = NULL",
        "UPDATE policy_version SET activated_at = now(), activated_by = 'x' WHERE number = 1",
        "DELETE FROM policy_version",
        "TRUNCATE policy_version, policy_signature CASCADE",
        "UPDATE policy_signature SET value = 'other'",
        "DELETE FROM policy_signature",
    ],
)
def test_nothing_of_it_is_changed_or_taken_back(three: Engine, all_rights: Engine, statement: str) -> None:
    with transaction(three) as session:
        add_policy_signature(session, number=2, hash=HASHES[2], administrator="ann", key_id="k", value="v")
        activate_version(session, 2, by="ann")
    with pytest.raises(IntegrityError), transaction(all_rights) as session:
        session.execute(text(statement))


def test_a_key_signs_a_version_once_and_only_as_it_is(three: Engine) -> None:
    with transaction(three) as session:
        add_policy_signature(session, number=2, hash=HASHES[2], administrator="ann", key_id="k", value="v")
    with pytest.raises(InvalidInput, match="has signed version 2"), transaction(three) as session:
        add_policy_signature(session, number=2, hash=HASHES[2], administrator="ann", key_id="k", value="v")
    with pytest.raises(InvalidInput), transaction(three) as session:
        add_policy_signature(session, number=2, hash=HASHES[3], administrator="ben", key_id="l", value="v")


def test_a_version_that_is_not_there_is_named(engine: Engine) -> None:
    with pytest.raises(NotFound, match="the policy has no version 7"), transaction(engine) as session:
        get_version(session, 7)


def test_an_execution_keeps_by_which_policy_it_was_decided(three: Engine) -> None:
    owned = claims(three, approved(three)).owned
    assert owned is not None
    for mark in (PolicyMark(1, HASHES[1]), PolicyMark(None, HASHES[5]), PolicyMark(2, HASHES[2])):
        with transaction(three) as session:
            note_policy(session, owned, mark)
            note_policy(session, owned, None)
            row = get_execution(session, owned.execution_id)
            assert (row.policy_number, row.policy_hash) == (mark.number, mark.hash)
    with pytest.raises(StaleFence), transaction(three) as session:
        note_policy(session, Owned(owned.execution_id, owned.fence - 1), PolicyMark(1, HASHES[1]))
    with (
        pytest.raises(PolicyNotTrusted, match="version 2 of the policy, which was in force"),
        transaction(three) as session,
    ):
        note_policy(session, owned, PolicyMark(2, HASHES[1]))
