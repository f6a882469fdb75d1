"""The same command, by the real kubectl on one twin and by us on the other: what it leaves is the same, whole."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.api import Api
from tests.contract.twins.actors import Cluster, Done, countersign, kubectl
from tests.contract.twins.conftest import Twins
from tests.contract.twins.picture import differences, unexplained
from tests.contract.twins.rows import Outcome, Row
from tests.contract.twins.tables import ROWS

ON_SANDBOX = "E2E_KUBECONFIG" not in os.environ


def _parameter(row: Row) -> Any:
    fault = row.ours or (row.sandbox if ON_SANDBOX else "")
    marks = [pytest.mark.xfail(strict=True, reason=fault)] if fault else []
    return pytest.param(row, id=row.title, marks=marks)


@pytest.mark.parametrize("row", [_parameter(row) for row in ROWS])
def test_kubectl_and_we_leave_the_same(
    row: Row, api: Api, cluster: Cluster, twins: Callable[[Row], Twins]
) -> None:
    for groups, wanted in ((row.needs, True), (row.lacks, False)):
        for version in groups:
            group, _, number = version.partition("/")
            if (number in api.versions(group)) is not wanted:
                pytest.skip(f"the server {'lacks' if wanted else 'has'} {version}")
    theirs, ours = twins(row)
    for twin in (theirs, ours):
        for command in row.before:
            done = kubectl(cluster, twin.namespace, twin.text(command))
            assert done.accepted, f"{command}: {done.said}"
            twin.settle()
    untouched = {twin.namespace: twin.picture() for twin in (theirs, ours)}
    assert not unexplained(differences(untouched[theirs.namespace], untouched[ours.namespace]), {})

    they = kubectl(cluster, theirs.namespace, theirs.text(row.command))
    we = countersign(cluster, ours.namespace, ours.text(row.command))

    _judge(row.outcome, they, we)
    after = {twin.namespace: twin.picture() for twin in (theirs, ours)}
    they_changed = after[theirs.namespace] != untouched[theirs.namespace]
    if row.outcome is Outcome.CHANGES:
        assert they_changed, f"kubectl changed nothing: {they.said}"
    if row.outcome is Outcome.NOTHING:
        assert not they_changed, differences(untouched[theirs.namespace], after[theirs.namespace])
    if row.outcome in (Outcome.NOTHING, Outcome.REFUSED, Outcome.ALREADY, Outcome.WE_REFUSE):
        assert after[ours.namespace] == untouched[ours.namespace]
    if row.outcome not in (Outcome.WE_REFUSE, Outcome.WE_DO):
        found = differences(after[theirs.namespace], after[ours.namespace])
        assert not unexplained(found, row.differs), "\n".join(unexplained(found, row.differs))


def _judge(outcome: Outcome, they: Done, we: Done) -> None:
    said = f"kubectl ({'did it' if they.accepted else 'refused'}): {they.said}\nwe: {we.said}"
    assert they.accepted is (outcome in (Outcome.CHANGES, Outcome.NOTHING, Outcome.WE_REFUSE)), said
    assert we.accepted is (outcome not in (Outcome.REFUSED, Outcome.WE_REFUSE)), said
    if we.accepted:
        assert (we.steps == 0) is (outcome in (Outcome.NOTHING, Outcome.ALREADY)), said
