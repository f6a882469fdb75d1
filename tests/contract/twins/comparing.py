"""One row: make the twins, let kubectl act on one and us on the other, and compare what is left."""

from collections.abc import Callable

from tests.contract.twins.actors import Cluster, Done, countersign, kubectl
from tests.contract.twins.picture import differences, unexplained
from tests.contract.twins.rows import Outcome, Row
from tests.contract.twins.twin import Twin

Twins = tuple[Twin, Twin]
_KUBECTL_DOES: dict[Outcome, bool] = {
    Outcome.CHANGES: True,
    Outcome.NOTHING: True,
    Outcome.WE_REFUSE: True,
    Outcome.REFUSED: False,
    Outcome.ALREADY: False,
    Outcome.WE_DO: False,
}
_WE_DO: dict[Outcome, bool] = {outcome: outcome not in (Outcome.REFUSED, Outcome.WE_REFUSE) for outcome in Outcome}
_NO_STEPS = (Outcome.NOTHING, Outcome.ALREADY)
_COMPARED = (Outcome.CHANGES, Outcome.NOTHING, Outcome.REFUSED, Outcome.ALREADY)


def compare(row: Row, cluster: Cluster, make: Callable[[Row], Twins]) -> None:
    """Raise AssertionError with every difference that the row does not explain."""
    theirs, ours = make(row)
    for twin in (theirs, ours):
        for command in row.before:
            done = kubectl(cluster, twin.namespace, twin.text(command))
            assert done.accepted, f"{command}: {done.said}"
            twin.settle()
    they_were, we_were = theirs.picture(), ours.picture()
    unlike = unexplained(differences(they_were, we_were), {})
    assert not unlike, "the twins differed before:\n" + "\n".join(unlike)

    they = kubectl(cluster, theirs.namespace, theirs.text(row.command))
    we = countersign(cluster, ours.namespace, ours.text(row.command))

    _judge(row.outcome, they, we)
    they_are, we_are = theirs.picture(), ours.picture()
    if row.outcome is Outcome.CHANGES:
        assert they_are != they_were, f"kubectl changed nothing: {they.said}"
    if row.outcome is Outcome.NOTHING:
        changed = unexplained(differences(they_were, they_are), {})
        assert not changed, "kubectl changed something:\n" + "\n".join(changed)
    if row.outcome not in (Outcome.CHANGES, Outcome.WE_DO):
        changed = unexplained(differences(we_were, we_are), {})
        assert not changed, "we changed something:\n" + "\n".join(changed)
    if row.outcome in _COMPARED:
        unlike = unexplained(differences(they_are, we_are), row.differs)
        assert not unlike, "the twins differ:\n" + "\n".join(unlike)


def _judge(outcome: Outcome, they: Done, we: Done) -> None:
    said = f"expected: {outcome.value}\nkubectl {they}\nwe {we}"
    assert they.accepted is _KUBECTL_DOES[outcome], said
    assert we.accepted is _WE_DO[outcome], said
    if we.accepted:
        assert (we.steps == 0) is (outcome in _NO_STEPS), said
