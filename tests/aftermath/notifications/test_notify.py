"""Channels over real HTTP: who is told what, once, and what a failing one does to the others."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Event
from time import monotonic
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from countersign.aftermath.notifications.apprise_channel import open_service
from countersign.aftermath.notifications.message import Message, Told, message_of
from countersign.errors import ConfigurationError
from countersign.execution.channels import Channel, Channels
from countersign.records.database.engine import transaction
from countersign.records.dead_letters import replay_letters
from countersign.records.deliveries import begin_delivery, deliveries_of, record_sent
from countersign.records.ledger import take_step
from countersign.records.states import StepName
from countersign.records.tables import Delivery, LedgerStep
from tests.aftermath.following import execution_id_of, run_one
from tests.aftermath.notifications.conftest import TOKEN, telling
from tests.aftermath.notifications.receiver import Receiver, Reply
from tests.aftermath.step_runner.place import end_leases, row
from tests.execution.conftest import Office

RESTART = "kubectl rollout restart deployment/api -n prod"
Webhook = Callable[..., Channel]


def deliveries(office: Office, execution_id: UUID) -> dict[str, Delivery]:
    with transaction(office.services.engine) as session:
        return {row.channel: row for row in deliveries_of(session, execution_id)}


def tell(office: Office, execution_id: UUID) -> LedgerStep:
    """Run the step now, whenever it was due."""
    with transaction(office.services.engine) as session:
        session.execute(text("UPDATE ledger_step SET due_at = clock_timestamp() WHERE status = 'pending'"))
    return run_one(office, execution_id, StepName.NOTIFY)


def test_every_channel_is_told_what_happened(office: Office, receiver: Receiver, webhook: Webhook) -> None:
    office = telling(office, webhook("one"), webhook("two", language="zh-TW"))
    report = office.perform(
        RESTART,
        description="5xx since 10:00",
        incident_id="INC-7",
        blast_radius={"affected_pods": 3, "estimated_downtime": "10s", "data_impact": "none"},
    )
    step = tell(office, execution_id_of(report))
    assert (step.status, step.error) == ("done", None)
    [english], [chinese] = receiver.received("/one"), receiver.received("/two")
    said = english.body["message"]
    assert english.body["title"] == "Succeeded: Deployment prod/api"
    for fact in (
        f"Action: {RESTART}",
        "Risk: medium",
        "Requested by: carol",
        "Signed by: alice: approve",
        "Required signatures: 1",
        "Operation: restart",
        "Namespace: prod",
        "Blast radius: pods: 3; downtime: 10s; data: none",
        "Incident: INC-7",
        "Description: 5xx since 10:00",
        f"Execution: {execution_id_of(report).hex[-12:]}",
        "Duration: ",
    ):
        assert fact in said, said
    assert chinese.body["title"].startswith("成功：")
    assert "風險: 中" in chinese.body["message"]


def test_a_failing_channel_leaves_the_others_alone_and_is_told_once_it_works(
    office: Office, receiver: Receiver, webhook: Webhook
) -> None:
    office = telling(office, webhook("broken"), webhook("fine"))
    report = office.perform(RESTART)
    execution_id = execution_id_of(report)
    receiver.always("/broken", Reply(500))
    step = tell(office, execution_id)
    assert report.success
    assert (step.status, step.attempts) == ("pending", 1)
    assert "broken: The service answers 500" in (step.error or "")
    assert {name: row.status for name, row in deliveries(office, execution_id).items()} == {
        "broken": "failed",
        "fine": "sent",
    }
    receiver.always("/broken", None)
    assert tell(office, execution_id).status == "done"
    assert len(receiver.received("/fine")) == 1
    assert [row.attempts for row in deliveries(office, execution_id).values()] == [2, 1]
    # The repeated message can be told by its key.
    first, second = receiver.received("/broken")
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"] == f"{execution_id}/broken"


def test_a_channel_that_never_works_makes_the_step_a_dead_letter_that_can_be_replayed(
    office: Office, receiver: Receiver, webhook: Webhook
) -> None:
    office = telling(office, webhook("broken"), webhook("fine"))
    execution_id = execution_id_of(office.perform(RESTART))
    receiver.always("/broken", Reply(401, {"message": f"bad token {TOKEN}"}))
    while (step := tell(office, execution_id)).status == "pending":
        pass
    assert (step.status, step.attempts) == ("dead", 5)
    assert "its token or its address is wrong" in (step.error or "")
    receiver.always("/broken", None)
    with transaction(office.services.engine) as session:
        [letter] = session.execute(text("SELECT id FROM dead_letter")).scalars()
        replay_letters(session, [letter])
    assert tell(office, execution_id).status == "done"
    assert len(receiver.received("/fine")) == 1
    assert TOKEN not in str([row.model_dump() for row in deliveries(office, execution_id).values()])


def test_an_answer_that_is_nested_without_end_is_a_refusal_of_that_channel_alone(
    office: Office, receiver: Receiver, webhook: Webhook
) -> None:
    office = telling(office, webhook("deep"), webhook("fine"))
    execution_id = execution_id_of(office.perform(RESTART))
    receiver.answer("/deep", Reply(429, "[" * 9_000))
    step = tell(office, execution_id)
    assert "deep: The service has had too many messages" in (step.error or "")
    assert deliveries(office, execution_id)["fine"].status == "sent"


def test_a_service_that_asks_for_a_moment_gets_it_within_the_step(
    office: Office, receiver: Receiver, webhook: Webhook
) -> None:
    office = telling(office, webhook("busy"), webhook("fine"))
    execution_id = execution_id_of(office.perform(RESTART))
    receiver.answer("/busy", Reply(429, headers={"Retry-After": "0"}))
    step = tell(office, execution_id)
    assert (step.status, step.attempts) == ("done", 1)
    assert len(receiver.received("/busy")) == 2
    assert len(receiver.received("/fine")) == 1


def test_a_service_that_asks_for_longer_than_the_step_has_is_not_asked_again_before(
    office: Office, receiver: Receiver, webhook: Webhook
) -> None:
    office = telling(office, webhook("busy"))
    execution_id = execution_id_of(office.perform(RESTART))
    receiver.answer("/busy", Reply(503, headers={"Retry-After": "3600"}))
    assert tell(office, execution_id).status == "pending"
    assert tell(office, execution_id).status == "pending"
    assert len(receiver.received("/busy")) == 1
    with transaction(office.services.engine) as session:
        session.execute(text("UPDATE delivery SET not_before = clock_timestamp()"))
    assert tell(office, execution_id).status == "done"


def died_in_the_middle(office: Office, execution_id: UUID, channel: str, *, sent: bool) -> None:
    """Leave what a runner leaves that was killed between beginning to send and the step's end."""
    with transaction(office.services.engine) as session:
        assert begin_delivery(session, execution_id, channel, fence=0) is True
        if sent:
            record_sent(session, execution_id, channel)


def test_a_message_whose_sending_is_on_record_is_not_sent_again(
    office: Office, receiver: Receiver, webhook: Webhook
) -> None:
    office = telling(office, webhook("one"), webhook("two"))
    execution_id = execution_id_of(office.perform(RESTART))
    died_in_the_middle(office, execution_id, "one", sent=True)
    assert tell(office, execution_id).status == "done"
    assert [one.path for one in receiver.received()] == ["/hook/two"]


def test_a_message_whose_sender_died_before_its_record_is_sent_again(
    office: Office, receiver: Receiver, webhook: Webhook
) -> None:
    office = telling(office, webhook("one"))
    execution_id = execution_id_of(office.perform(RESTART))
    died_in_the_middle(office, execution_id, "one", sent=False)
    assert tell(office, execution_id).status == "done"
    assert len(receiver.received("/one")) == 1


def test_a_runner_whose_step_was_taken_over_sends_nothing(
    office: Office, receiver: Receiver, webhook: Webhook
) -> None:
    office = telling(office, webhook("one"))
    execution_id = execution_id_of(office.perform(RESTART))
    with transaction(office.services.engine) as session:
        begin_delivery(session, execution_id, "one", fence=7)
    tell(office, execution_id)
    assert receiver.received() == []


def test_a_runner_that_was_held_up_before_it_sent_asks_whether_the_step_is_still_its_own(
    office: Office, receiver: Receiver, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = telling(office, webhook("one"))
    execution_id = execution_id_of(office.perform(RESTART))
    engine, looks = office.services.engine, count()

    def clock() -> float:
        """Be stopped for long between the commit and the sending; meanwhile another runner takes the step."""
        if next(looks) == 1:
            end_leases(engine)
            with transaction(engine) as session:
                assert take_step(session, execution_id, StepName.NOTIFY, runner="another", lease_seconds=60)
            return monotonic() + 60
        return monotonic()

    monkeypatch.setattr("countersign.aftermath.notifications.delivery.monotonic", clock)
    tell(office, execution_id)
    assert receiver.received() == []
    assert row(engine, execution_id, StepName.NOTIFY).runner == "another"


def test_beginning_to_send_renews_the_step_s_lease(
    office: Office, receiver: Receiver, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = telling(office, webhook("one"))
    execution_id = execution_id_of(office.perform(RESTART))
    left = []

    def look(*_arguments: object) -> None:
        left.append(row(office.services.engine, execution_id, StepName.NOTIFY).due_at - datetime.now(UTC))

    def rendered(told: Told, language: str) -> Message:
        end_leases(office.services.engine)
        return message_of(told, language)

    monkeypatch.setattr("countersign.aftermath.notifications.notify.message_of", rendered)
    monkeypatch.setattr("countersign.aftermath.notifications.apprise_channel.Prepared.send", look)
    assert tell(office, execution_id).status == "done"
    assert left[0] > timedelta(seconds=5)


def test_a_message_is_ready_before_its_sending_begins(
    office: Office, receiver: Receiver, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = telling(office, webhook("one"))
    execution_id = execution_id_of(office.perform(RESTART))
    begun = []

    def slowly(channel: Channel) -> object:
        begun.append(deliveries(office, execution_id))
        return open_service(channel)

    monkeypatch.setattr("countersign.aftermath.notifications.apprise_channel.open_service", slowly)
    assert tell(office, execution_id).status == "done"
    assert begun == [{}]


def test_a_channel_that_hangs_does_not_keep_the_others_from_being_told(
    office: Office, receiver: Receiver, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("countersign.aftermath.notifications.notify.ANSWER_SECONDS", 0.5)
    office = telling(office, webhook("slow"), webhook("fine"))
    execution_id = execution_id_of(office.perform(RESTART))
    let_go = Event()
    receiver.answer("/slow", Reply(hold=let_go))
    step = tell(office, execution_id)
    let_go.set()
    assert "slow: The service did not answer in time" in (step.error or "")
    assert deliveries(office, execution_id)["fine"].status == "sent"


def test_channels_hear_only_of_the_risks_and_outcomes_that_they_chose(
    office: Office, receiver: Receiver, webhook: Webhook
) -> None:
    channels = (
        webhook("failures", outcomes=frozenset({"failed", "unknown"})),
        webhook("critical", risks=frozenset({"critical"})),
    )
    office = telling(office, *channels)
    step = tell(office, execution_id_of(office.perform(RESTART)))
    assert (step.status, step.reason) == ("skipped", "no channel is configured for this: Succeeded, risk medium")
    office = telling(office, *channels, webhook("all"))
    assert tell(office, execution_id_of(office.perform(RESTART))).status == "done"
    assert [one.path for one in receiver.received()] == ["/hook/all"]


@pytest.mark.parametrize(
    ("channels", "settings", "reason"),
    [
        (None, {}, "no channels are configured"),
        (Channels(), {}, "no channels are configured"),
        (Channels(enabled=False), {}, "notifications are switched off"),
        (Channels(), {"notify": False}, "notifications are switched off"),
    ],
)
def test_nobody_is_told_where_it_is_switched_off(
    office: Office, channels: Channels | None, settings: dict[str, object], reason: str
) -> None:
    office = replace(office, services=replace(office.services, channels=channels)).with_settings(**settings)
    step = tell(office, execution_id_of(office.perform("NO_ACTION: quiet")))
    assert (step.status, step.reason) == ("skipped", reason)


def test_a_block_that_cannot_be_used_is_a_failed_step_and_not_a_failed_action(office: Office) -> None:
    broken = ConfigurationError("the block NotificationChannels 'default' cannot be used")
    office = replace(office, services=replace(office.services, channels=broken))
    report = office.perform("NO_ACTION: quiet")
    assert report.success
    assert "cannot be used" in (tell(office, execution_id_of(report)).error or "")


def test_a_channel_without_a_usable_address_leaves_the_others_alone(
    office: Office, receiver: Receiver, webhook: Webhook
) -> None:
    office = telling(
        office,
        Channel("absent", ConfigurationError("the Prefect block slack-webhook/x does not exist")),
        Channel("nonsense", SecretStr(f"nosuchservice://{TOKEN}")),
        Channel("port", SecretStr(f"json://{TOKEN}@127.0.0.1:99999/")),
        webhook("fine"),
    )
    execution_id = execution_id_of(office.perform(RESTART))
    step = tell(office, execution_id)
    assert "absent: the Prefect block slack-webhook/x does not exist" in (step.error or "")
    assert "'nonsense' is none that Apprise knows" in (step.error or "")
    assert "'port' has a port that is not between 1 and 65535" in (step.error or "")
    assert TOKEN not in (step.error or "")
    assert deliveries(office, execution_id)["fine"].status == "sent"


@pytest.mark.parametrize(
    ("action", "title"),
    [
        ("NO_ACTION: quiet", "Observation only: NO_ACTION: quiet"),
        ("kubectl rollout restart deployment/apo -n prod", "Blocked before execution: "),
        ("kubectl rollout restart deployment/api; rm -rf /", "Not understood: "),
    ],
)
def test_the_title_says_how_it_ended(
    office: Office, receiver: Receiver, webhook: Webhook, action: str, title: str
) -> None:
    office = telling(office, webhook("one", outcomes=frozenset({"no_action", "blocked", "parse_failure"})))
    tell(office, execution_id_of(office.perform(action)))
    [message] = receiver.received("/one")
    assert message.body["title"].startswith(title)
    assert message.body["type"] == ("success" if title.startswith("Observation") else "failure")


@pytest.mark.all_rights
def test_a_rollback_is_told_as_one(office: Office, receiver: Receiver, webhook: Webhook) -> None:
    office = telling(office, webhook("one", outcomes=frozenset({"rolled_back"})))
    first, second = (execution_id_of(office.perform(RESTART)) for _ in range(2))
    with transaction(office.services.engine) as session:
        # Instead of a rollback, which takes a target that has got worse.
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(
            text("UPDATE execution SET rolls_back = :first WHERE id = :second"), {"first": first, "second": second}
        )
    assert tell(office, second).status == "done"
    assert tell(office, first).status == "skipped"
    [message] = receiver.received("/one")
    assert message.body["title"].startswith("Rolled back: ")


def test_that_nothing_was_to_do_is_told_where_it_is_chosen_alone(
    office: Office, receiver: Receiver, webhook: Webhook
) -> None:
    office = telling(office, webhook("all"))
    step = tell(office, execution_id_of(office.perform("NO_ACTION: quiet")))
    assert step.status == "skipped" and "no channel is configured for this" in (step.reason or "")
    office = telling(office, webhook("all"), webhook("quiet", outcomes=frozenset({"no_action"})))
    assert tell(office, execution_id_of(office.perform("NO_ACTION: quiet"))).status == "done"
    assert [one.path for one in receiver.received()] == ["/hook/quiet"]
