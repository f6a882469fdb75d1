"""The same command, by the real kubectl on one twin and by us on the other: what it leaves is the same, whole.

On a real cluster every row; on the sandbox the samples, or every row with --all-commands.
"""

from collections.abc import Callable

import pytest

from tests.contract.api import Api
from tests.contract.twins.actors import Cluster
from tests.contract.twins.comparing import Twins, compare
from tests.contract.twins.conftest import ON_SANDBOX
from tests.contract.twins.known import KNOWN
from tests.contract.twins.rows import Row, unmet
from tests.contract.twins.tables import ROWS


def test_kubectl_and_we_leave_the_same(row: Row, api: Api, cluster: Cluster, twins: Callable[[Row], Twins]) -> None:
    lacking = unmet(row.needs, row.lacks, api.versions)
    if lacking:
        pytest.skip(lacking)
    faults = [fault for fault in KNOWN if fault.shown_by(row, on_sandbox=ON_SANDBOX, versions=api.versions)]
    if not faults:
        compare(row, cluster, twins)
        return
    # Anything may be what a fault shows itself as.
    with pytest.raises(Exception):  # noqa: B017
        compare(row, cluster, twins)
    pytest.xfail("; ".join(fault.what for fault in faults))


def test_every_row_is_there_once() -> None:
    titles = [(row.title, row.objects) for row in ROWS]
    assert len(set(titles)) == len(titles)


def test_a_difference_on_purpose_has_its_reason() -> None:
    assert [row.title for row in ROWS if row.outcome.on_purpose and not row.why] == []
    assert [row.title for row in ROWS if not all(row.differs.values())] == []


def test_every_known_fault_is_shown_by_a_row() -> None:
    for fault in KNOWN:
        assert fault.titles or fault.objects, fault
        for title in fault.titles:
            assert any(row.title == title for row in ROWS), f"no such row: {title}"
        for name in fault.objects:
            assert any(name in row.objects for row in ROWS), f"in no row: {name}"
