"""Every operation of the catalogue, executed on the real cluster: outcome, verdict and object are what they are said
to be.
"""

from collections.abc import Mapping
from concurrent.futures import Future
from fnmatch import fnmatchcase

import pytest

from countersign.actions.catalogue import CATALOGUE
from tests.real_cluster.cases import CASES, Case
from tests.real_cluster.playing import Played


def test_every_operation_on_every_kind_has_a_case() -> None:
    covered = {case.covers for case in CASES.values() if case.covers is not None}
    assert covered == {(entry.verb, kind.kind) for entry in CATALOGUE for kind in entry.kinds}


def test_what_is_covered_is_a_success() -> None:
    assert {(case.outcome, case.verdict) for case in CASES.values() if case.covers} == {("success", "effective")}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_ends_as_it_is_said_to(case: Case, played: Mapping[str, Future[Played]]) -> None:
    came = played[case.name].result()
    words, report = came.text, came.report
    told = f"{report['outcome']} ({came.verdict}): {report['message']} {came.reasons}"
    assert (report["outcome"], came.verdict) == (case.outcome, case.verdict), told
    assert report["success"] is (case.outcome in ("success", "dry_run", "investigated")), told
    assert words.fill(case.says) in report["message"]
    for key, found in came.shown.items():
        wanted = case.shows[key]
        if wanted is None or found is None:
            assert found == wanted, f"{words.fill(key)}: {told}"
        else:
            assert fnmatchcase(found, words.fill(wanted)), f"{words.fill(key)} is {found!r}: {told}"
    before, after = came.pods
    assert _became(before, after) == case.pods, f"{before} {after}"
    if case.rolled_back:
        assert came.rollback is not None, told
        assert (came.rollback["outcome"], came.rollback["verdict"]) == ("success", "effective"), came.rollback
    else:
        assert came.rollback is None


def _became(before: frozenset[str], after: frozenset[str]) -> str:
    if before == after:
        return "the same"
    if not after:
        return "none"
    return "more" if before < after else "others" if not before & after else "some are others"
