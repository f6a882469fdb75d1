"""Had permission when the run began, and lost it while the run waited: nothing is sent on yesterday's policy."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import yaml

from countersign.execution.direct_run import execute
from countersign.execution.run import Run
from countersign.policy.document import Policy
from countersign.policy.loading import load_policy
from tests.attacks.conftest import Office, audited

ACTION = "kubectl rollout restart deployment/web -n prod"
Change = Callable[[dict], None]


def freeze(policy: dict) -> None:
    begins = {"reason": "release", "start": "2020-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"}
    policy["freeze_windows"] = [*policy["freeze_windows"], begins]


def revoke(policy: dict) -> None:
    policy["signers"] = [signer for signer in policy["signers"] if signer["name"] != "alice"]


def kill(policy: dict) -> None:
    policy["kill_switch"] = True


def protect(policy: dict) -> None:
    policy["protected_namespaces"] = ["prod"]


def need_more(policy: dict) -> None:
    policy["minimum_signatures"] = {"low": 3, "medium": 3, "high": 3, "critical": 3}


@pytest.mark.parametrize("change", [freeze, revoke, kill, protect, need_more])
@pytest.mark.parametrize("at", ["planned", "claimed"])
def test_what_the_policy_says_now_counts_before_every_intent(office: Office, change: Change, at: str) -> None:
    current: list[Policy] = [office.services.policy]
    services = replace(office.services, reread_policy=lambda: current[0])

    def tighten(point: str) -> None:
        if point == at:
            text = yaml.safe_load(office.household.policy)
            change(text)
            current[0] = load_policy(yaml.safe_dump(text))

    approval = office.approved(ACTION)
    report = execute(Run(services, approval, worker="w1", at=tighten))
    assert report.outcome == "blocked", report.message
    assert not office.cluster.log.mutations()
    # A freeze or a limit is a rule like any other; a signature that counts no more is a matter of trust.
    told = "execution:start:refused" in audited(office, approval)
    assert told is (change in (revoke, need_more))
