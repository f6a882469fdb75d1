"""Is one of two administrators, and holds the database's owner: makes his signature count as the quorum."""

import unicodedata

import pytest

from countersign.errors import InvalidInput, NotApproved
from countersign.policy.versions import sign_version
from countersign.records.database.engine import transaction
from countersign.records.policy_versions import activate_version
from tests.attacks.conftest import Sql
from tests.attacks.test_policy_row_planted import SIGN
from tests.attacks.town import ACTION, MALLORYS, Build
from tests.policy.board import KEYS


def test_one_signature_of_two_activates_nothing_however_it_is_marked(build: Build, as_owner: Sql) -> None:
    town = build("ann", "ben", quorum=2)
    warm = town.worker()
    approval = warm.approved(ACTION)
    town.board.propose(MALLORYS)
    town.board.sign(2, "ann")
    with pytest.raises(NotApproved, match="needs 2 administrators' signatures and 1 count"):
        town.board.activate(2)
    with transaction(town.board.engine) as session:
        activate_version(session, 2, by="ann")
    town.nothing_runs(warm, approval, said="but 1 of 2 administrators' signatures count (ann)")


@pytest.mark.parametrize("name", ["ann", "ANN", "ann\u200b", "\uff41nn", "\u0430nn", "ben"])
def test_a_second_signature_of_his_under_any_name_counts_once(build: Build, as_owner: Sql, name: str) -> None:
    town = build("ann", "ben", quorum=2)
    warm = town.worker()
    approval = warm.approved(ACTION)
    version = town.board.propose(MALLORYS)
    town.board.sign(2, "ann")
    with pytest.raises(InvalidInput, match="counts once"):
        town.board.sign(2, "ann")
    as_owner("ALTER TABLE policy_signature DROP CONSTRAINT uq_policy_signature_number_key_id")
    made = sign_version(version, administrator=unicodedata.normalize("NFKC", "ann"), key=KEYS["ann"])
    as_owner(SIGN, number=2, hash=version.hash, who=name, key=made.key_id, value=made.value)
    with transaction(town.board.engine) as session:
        activate_version(session, 2, by="ann")
    town.nothing_runs(warm, approval, said="but 1 of 2 administrators' signatures count (ann)")
