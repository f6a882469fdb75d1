"""Web processes end break-glasses and tell channels by themselves, and one of several does."""

import time
from collections.abc import Callable
from dataclasses import replace

from countersign.execution.channels import Channel
from countersign.policy.document import Policy
from countersign.web.break_glass_keeper import BreakGlassKeeper
from tests.aftermath.notifications.conftest import receiver, telling, webhook
from tests.aftermath.notifications.receiver import Receiver
from tests.execution.conftest import Office
from tests.execution.glass import begun, confirmed, letting, on_record

__all__ = ["receiver", "webhook"]
PATIENCE = 60.0


def wait_for(found: Callable[[], object]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_channels_hear_of_it_and_a_stricter_policy_ends_it(
    office: Office, receiver: Receiver, webhook: Callable[..., Channel]
) -> None:
    office = telling(office.with_policy(letting(office.services.policy)), webhook("all"))
    policies: list[Policy] = [office.services.policy]
    services = replace(office.services, reread_policy=lambda: policies[-1])
    keepers = [BreakGlassKeeper(lambda: replace(services, policy=policies[-1])) for _ in range(2)]
    for each in keepers:
        each.start()
    try:
        row = confirmed(office, begun(office))
        wait_for(lambda: len(receiver.received()) == 2)
        policies.append(letting(office.services.policy, rule=None))
        wait_for(lambda: on_record(office, row.id).ended_at)
        wait_for(lambda: len(receiver.received()) == 3)
    finally:
        for each in keepers:
            each.close()
    titles = [each.body["title"].partition(":")[0] for each in receiver.received()]
    assert sorted(titles) == ["BREAK-GLASS OPEN", "Break-glass begun", "Break-glass ended"]
