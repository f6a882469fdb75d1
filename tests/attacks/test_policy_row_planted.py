"""Holds the database's owner: plants a version of the policy in which his own key is the only signer."""

import base64

import pytest

from countersign.policy.keys import key_id_of
from countersign.policy.versions import PolicyVersion, sign_version
from countersign.records.database.engine import transaction
from countersign.records.policy_versions import get_version
from tests.attacks.conftest import Sql
from tests.attacks.town import ACTION, MALLORY, MALLORYS, Town
from tests.policy.board import KEYS

PLANT = """
    INSERT INTO policy_version
        (number, document, hash, previous_hash, author, reason, proposed_at, activated_at, activated_by)
    VALUES (:number, :document, :hash, :previous_hash, :author, :reason, :proposed_at, now(), 'ann')
"""
SIGN = """
    INSERT INTO policy_signature (number, hash, administrator, key_id, value)
    VALUES (:number, :hash, :who, :key, :value)
"""


def plant(town: Town, as_owner: Sql) -> PolicyVersion:
    """Plant version 2: well formed, in its place in the chain, called activated."""
    with transaction(town.board.engine) as session:
        first = get_version(session, 1)
    version = PolicyVersion(2, MALLORYS, first.hash, "ann", "urgent", first.proposed_at)
    as_owner(PLANT, **vars(version), hash=version.hash)
    return version


def test_without_signatures_it_is_believed_by_nobody(town: Town, as_owner: Sql) -> None:
    warm = town.worker()
    approval = warm.approved(ACTION)
    plant(town, as_owner)
    town.nothing_runs(warm, approval, said="version 2 of the policy is in force on record, but 0 of 1")


@pytest.mark.parametrize("forgery", ["own key", "own key, called Ann's", "of version 1", "garbage"])
def test_no_signature_that_he_can_write_counts(town: Town, as_owner: Sql, forgery: str) -> None:
    warm = town.worker()
    approval = warm.approved(ACTION)
    version = plant(town, as_owner)
    anns = key_id_of(KEYS["ann"].public_key())
    own = sign_version(version, administrator="ann", key=MALLORY)
    with transaction(town.board.engine) as session:
        first = get_version(session, 1)
    of_first = sign_version(
        PolicyVersion(1, first.document, None, first.author, first.reason, first.proposed_at),
        administrator="ann",
        key=KEYS["ann"],
    )
    key, value = {
        "own key": (own.key_id, own.value),
        "own key, called Ann's": (anns, own.value),
        "of version 1": (anns, of_first.value),
        "garbage": (anns, base64.b64encode(b"x" * 64).decode()),
    }[forgery]
    as_owner(SIGN, number=2, hash=version.hash, who="ann", key=key, value=value)
    town.nothing_runs(warm, approval, said="0 of 1 administrators' signatures count (nobody). Not counted: ann: ")


def test_a_number_far_ahead_is_no_way_around_the_chain(town: Town, as_owner: Sql) -> None:
    warm = town.worker()
    approval = warm.approved(ACTION)
    with transaction(town.board.engine) as session:
        first = get_version(session, 1)
    version = PolicyVersion(900, MALLORYS, first.hash, "ann", "urgent", first.proposed_at)
    as_owner(PLANT, **vars(version), hash=version.hash)
    town.nothing_runs(warm, approval, said="version 900 of the policy is in force on record, but 0 of 1")
