"""Had a request signed under a policy that is replaced while the run waits to send it."""

import yaml

from countersign.execution.direct_run import execute
from countersign.execution.run import Run
from countersign.records.database.engine import transaction
from countersign.records.queries import execution_of
from tests.attacks.town import ACTION, Town


def policy(town: Town, **rules: object) -> str:
    return yaml.safe_dump({**yaml.safe_load(town.office.household.policy), **rules})


def test_what_the_new_version_forbids_is_not_sent_and_the_record_names_it(town: Town) -> None:
    worker = town.worker()
    approval = worker.approved(ACTION)

    def at(point: str) -> None:
        if point == "planned":
            town.board.put_in_force(policy(town, protected_namespaces=["prod"]))

    report = execute(Run(worker.services, approval, worker="w1", at=at))
    assert (report.outcome, report.message) == ("blocked", "namespace prod is protected")
    assert report.policy_number == 2
    assert not town.office.cluster.log.mutations()


def test_what_the_new_version_allows_as_well_is_sent_and_the_record_names_it(town: Town) -> None:
    worker = town.worker()
    approval = worker.approved(ACTION.replace("seen", "changed-meanwhile"))

    def at(point: str) -> None:
        if point == "planned":
            town.board.put_in_force(policy(town, max_affected_pods=40))

    report = execute(Run(worker.services, approval, worker="w1", at=at))
    assert (report.outcome, report.policy_number) == ("success", 2)
    with transaction(town.board.engine) as session:
        execution = execution_of(session, approval)
    assert execution is not None
    assert (execution.policy_number, execution.policy_hash) == (2, report.policy_hash)
