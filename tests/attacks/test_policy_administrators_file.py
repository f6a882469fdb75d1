"""Has an account on the worker's machine: counts on a file of pinned administrators that others can read or write."""

import pytest

from countersign.errors import ConfigurationError
from countersign.policy.administrators import FILE
from tests.attacks.town import ACTION, Town


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o602, 0o666])
def test_a_file_that_others_reach_pins_nobody(town: Town, mode: int) -> None:
    warm = town.worker()
    approval = warm.approved(ACTION)
    (town.board.trust_dir / FILE).chmod(mode)
    with pytest.raises(ConfigurationError, match=f"can be read or written by others .mode {mode:o}") as caught:
        town.worker()
    assert "chmod 600" in (caught.value.hint or "")
    assert "can be read or written by others" in town.refusal(warm, approval)


def test_a_file_that_was_taken_away_pins_nobody(town: Town) -> None:
    warm = town.worker()
    approval = warm.approved(ACTION)
    (town.board.trust_dir / FILE).unlink()
    assert "is missing" in town.refusal(warm, approval)
