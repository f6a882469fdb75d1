"""What an API server once answered is no answer now: an object of before is neither a change made nor one missing."""

import pytest

from countersign.targets.kubernetes.object_age import is_newer, is_older

BEFORE = {"uid": "u", "resourceVersion": "100", "generation": 7}


@pytest.mark.parametrize(
    ("metadata", "older", "newer"),
    [
        ({"resourceVersion": "99", "generation": 6}, True, False),
        ({"resourceVersion": "100", "generation": 7}, False, False),
        ({"resourceVersion": "101", "generation": 7}, False, True),
        # As numbers, not as texts.
        ({"resourceVersion": "99999999999999999999", "generation": 8}, False, True),
        # Where they are no numbers, the generation tells.
        ({"resourceVersion": "abc", "generation": 6}, True, False),
        ({"resourceVersion": "abc", "generation": 8}, False, True),
        ({"resourceVersion": "²", "generation": 8}, False, True),
        ({}, False, True),
    ],
)
def test_the_age_of_an_answer(metadata: dict[str, object], older: bool, newer: bool) -> None:
    assert (is_older(metadata, BEFORE), is_newer(metadata, BEFORE)) == (older, newer)


def test_nothing_is_older_than_what_was_not_seen() -> None:
    unseen = {"uid": "u", "resourceVersion": None, "generation": None}
    assert not is_older({"resourceVersion": "5", "generation": 1}, unseen)
    assert is_newer({"resourceVersion": "5", "generation": 1}, unseen)
