"""Holds the database's owner: brings back an older version of the policy, which was signed just as well."""

import pytest

from countersign.audit.verifying import verify
from tests.attacks.conftest import Sql
from tests.attacks.town import ACTION, Town

TAKEN_BACK = {
    "its activation is taken back": [
        "UPDATE policy_version SET activated_at = NULL, activated_by = NULL WHERE number = 2"
    ],
    "it is deleted": [
        "DELETE FROM policy_signature WHERE number = 2",
        "DELETE FROM policy_version WHERE number = 2",
    ],
    "everything is deleted": ["DELETE FROM policy_signature", "DELETE FROM policy_version"],
}


@pytest.mark.parametrize("how", TAKEN_BACK)
def test_a_later_version_that_was_seen_cannot_be_made_unseen(town: Town, as_owner: Sql, how: str) -> None:
    town.board.put_in_force(town.office.household.policy + "max_affected_pods: 7\n")
    warm = town.worker()
    approval = warm.approved(ACTION)
    for statement in TAKEN_BACK[how]:
        as_owner(statement)
    town.nothing_runs(warm, approval, said="has seen version 2: a later one was taken out of the database")
    found = [finding.sentence for finding in verify(town.board.engine, verifier=None, saved=None).findings]
    assert any("policy activation 2 " in sentence for sentence in found), found


def test_an_older_version_under_a_newer_number_is_not_what_was_signed(town: Town, as_owner: Sql) -> None:
    warm = town.worker()
    approval = warm.approved(ACTION)
    town.board.put_in_force(town.office.household.policy + "max_affected_pods: 7\n")
    as_owner("UPDATE policy_version SET document = (SELECT document FROM policy_version WHERE number = 1)")
    town.nothing_runs(warm, approval, said="version 2 of the policy was changed on record after it was proposed")


def test_an_older_version_is_not_activated_again(town: Town, as_owner: Sql) -> None:
    town.board.put_in_force(town.office.household.policy + "max_affected_pods: 7\n")
    as_owner("UPDATE policy_version SET activated_at = now() + interval '1 day' WHERE number = 1")
    warm = town.worker()
    assert warm.services.policy.max_affected_pods == 7
    assert warm.services.policy_mark is not None and warm.services.policy_mark.number == 2
