"""Holds the database's owner: changes what a validly signed version of the policy says."""

import pytest

from countersign.errors import PolicyNotTrusted
from countersign.execution.policy.in_force import version_of
from countersign.records.database.engine import transaction
from countersign.records.policy_versions import get_version
from tests.attacks.conftest import Sql
from tests.attacks.town import ACTION, MALLORYS, Town

CHANGES = {
    "document": MALLORYS,
    "author": "mallory",
    "reason": "another one",
    "proposed_at": "2020-01-01T00:00:00Z",
}


@pytest.mark.parametrize("column", CHANGES)
def test_a_part_that_was_changed_is_noticed_by_the_next_reader(town: Town, as_owner: Sql, column: str) -> None:
    warm = town.worker()
    approval = warm.approved(ACTION.replace("seen", f"text-changed-{column}"))
    as_owner(f"UPDATE policy_version SET {column} = :value", value=CHANGES[column])
    with pytest.raises(PolicyNotTrusted, match="version 1 of the policy was changed on record after it was proposed"):
        town.worker()
    # A worker that verified it before goes on with what it verified.
    assert warm.run(approval).success
    assert warm.services.policy.signer_with_key("mallory") is None


def test_a_hash_that_was_made_to_fit_has_no_signatures(town: Town, as_owner: Sql) -> None:
    warm = town.worker()
    approval = warm.approved(ACTION)
    as_owner("UPDATE policy_version SET document = :value", value=MALLORYS)
    with transaction(town.board.engine) as session:
        forged = version_of(get_version(session, 1)).hash
    as_owner("UPDATE policy_version SET hash = :hash", hash=forged)
    as_owner("UPDATE policy_signature SET hash = :hash", hash=forged)
    town.nothing_runs(warm, approval, said="version 1 of the policy is another one than")
    (town.board.trust_dir / "policy-seen").unlink()
    with pytest.raises(PolicyNotTrusted, match="Not counted: ann: it is not over this text"):
        town.worker()


def test_the_past_cannot_be_rewritten_below_the_version_in_force(town: Town, as_owner: Sql) -> None:
    town.board.put_in_force(town.office.household.policy + "max_affected_pods: 7\n")
    town.worker()
    as_owner("UPDATE policy_version SET document = :value WHERE number = 1", value=MALLORYS)
    with pytest.raises(
        PolicyNotTrusted, match="version 1 of the policy is not the one that version 2 was signed after"
    ):
        town.worker()
