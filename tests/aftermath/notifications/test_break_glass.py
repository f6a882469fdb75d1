"""Every channel is told that limits are lifted, once each, however often a channel or a process fails."""

from collections.abc import Callable

from sqlalchemy import text

from countersign.aftermath.notifications.break_glass import look
from countersign.execution.break_glass import end
from countersign.execution.channels import Channel
from countersign.policy.risk import RiskLevel
from countersign.records.database.engine import transaction
from tests.aftermath.notifications.conftest import telling
from tests.aftermath.notifications.receiver import Receiver, Reply
from tests.execution.conftest import Office
from tests.execution.glass import begun, confirmed, letting, on_record

DUE = text("UPDATE break_glass_notice SET next_try_at = clock_timestamp()")


def test_every_channel_is_told_of_begin_confirmation_and_end(
    office: Office, receiver: Receiver, webhook: Callable[..., Channel]
) -> None:
    # One of them is told of nothing but critical risk otherwise.
    channels = (webhook("all"), webhook("few", risks=frozenset({RiskLevel.CRITICAL}), language="zh-TW"))
    office = telling(office.with_policy(letting(office.services.policy)), *channels)
    receiver.answer("/hook/few", Reply(500))
    row = begun(office)
    assert look(office.services) == 1
    assert [each.path for each in receiver.received()].count("/hook/all") == 1
    with transaction(office.services.engine) as session:
        session.execute(DUE)
    assert look(office.services) == 1
    paths = [each.path for each in receiver.received()]
    assert (paths.count("/hook/all"), paths.count("/hook/few")) == (1, 2)
    confirmed(office, row)
    with transaction(office.services.engine) as session:
        end(session, row.id, by="hugo", reason="it is back")
    assert look(office.services) == 2
    assert look(office.services) == 0
    titles = [each.body["title"] for each in receiver.received() if each.path == "/hook/all"]
    assert titles[0] == "Break-glass begun: sandbox/prod"
    assert sorted(titles[1:]) == ["BREAK-GLASS OPEN: sandbox/prod", "Break-glass ended: sandbox/prod"]
    said = str([each.body for each in receiver.received() if each.path == "/hook/all"])
    assert "gwen" in said and "hugo" in said and "the site is down" in said and "it is back" in said


def test_what_is_over_is_ended_and_told(office: Office, receiver: Receiver, webhook: Callable[..., Channel]) -> None:
    office = telling(office.with_policy(letting(office.services.policy)), webhook("all"))
    row = confirmed(office, begun(office))
    look(office.services)
    office = office.with_policy(letting(office.services.policy, rule=None))
    assert look(office.services) == 2
    assert "lets nobody" in (on_record(office, row.id).end_reason or "")
    assert receiver.received()[-1].body["title"].startswith("Break-glass ended")
