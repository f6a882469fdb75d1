"""Signed a request, and was taken out of the policy before it ran."""

import yaml

from tests.attacks.conftest import audited
from tests.attacks.town import ACTION, Town


def test_a_signer_who_was_revoked_while_the_request_waited_counts_no_more(town: Town) -> None:
    approval = town.worker().approved(ACTION)
    document = yaml.safe_load(town.office.household.policy)
    document["signers"] = [one for one in document["signers"] if one["name"] != "alice"]
    town.board.put_in_force(yaml.safe_dump(document))
    said = town.refusal(town.worker(), approval)
    assert "1 valid signatures are needed and 0 count (nobody); not counted: alice: key" in said
    assert "the signer is not in the policy" in said
    assert "execution:start:refused" in audited(town.office, approval)
