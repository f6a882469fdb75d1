"""Every writer of a record appends its row, in the same transaction."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from countersign.audit.verifying import verify
from countersign.records.approvals import add_signature, cancel_approval, expire_due
from countersign.records.audit_events import Event
from countersign.records.claims import start_dry_run, take_over_dry_run
from countersign.records.control import set_kill_switch
from countersign.records.database.engine import transaction
from countersign.records.evidence import Seen
from countersign.records.gateway_audit import GatewayCall, record_call
from countersign.records.journal import record_answer, record_intent
from countersign.records.manual_settlement import find_out
from countersign.records.outcomes import Outcome
from countersign.records.owned import Owned
from countersign.records.plans import store_plan
from countersign.records.policy_versions import activate_version, add_policy_signature, add_version
from countersign.records.rollbacks import start_rollback, start_unmade_rollback, take_over_rollback
from countersign.records.second_looks import correct
from countersign.records.settlement import settle
from countersign.records.states import Answer, Decision
from tests.records.builders import approved, end_lease, now, owned, pending, signed_by, taken_over, unsealed

EVENTS = text("SELECT event FROM audit_event ORDER BY id")
CALL = GatewayCall(
    session_id="s",
    agent="alice",
    agent_role="executor",
    project="p",
    host="web-1",
    tool="ssh_diagnose",
    parameters={},
    purpose="plan",
    decision="allowed",
)


def settled(engine: Engine, outcome: Outcome, *, look_again: bool = False) -> Owned:
    mine = owned(engine)
    with transaction(engine) as session:
        settle(session, mine, outcome=outcome, error="it broke", report={"said": "x"}, look_again=look_again)
    return mine


def files(engine: Engine) -> None:
    pending(engine)


def signs(engine: Engine) -> None:
    approved(engine)


def rejects(engine: Engine) -> None:
    filed = pending(engine)
    with transaction(engine) as session:
        add_signature(session, filed.id, signed_by("bob", Decision.REJECT), now=now())


def cancels(engine: Engine) -> None:
    filed = pending(engine)
    with transaction(engine) as session:
        cancel_approval(session, filed.id, by="alice")


def expires(engine: Engine) -> None:
    pending(engine, expires_at=now() - timedelta(seconds=1))
    with transaction(engine) as session:
        assert len(expire_due(session)) == 1


def claims(engine: Engine) -> None:
    owned(engine)


def takes_over(engine: Engine) -> None:
    taken_over(engine, owned(engine))


def runs_dry(engine: Engine) -> None:
    with transaction(engine) as session:
        start_dry_run(session, approved(engine), worker="w", flow_run_id=None, lease_seconds=30)


def takes_a_dry_run_over(engine: Engine) -> None:
    with transaction(engine) as session:
        mine = start_dry_run(session, approved(engine), worker="w", flow_run_id=None, lease_seconds=30)
    end_lease(engine, mine.id)
    with transaction(engine) as session:
        assert take_over_dry_run(session, mine.id, worker="x", lease_seconds=30) is not None


def plans(engine: Engine) -> None:
    mine = owned(engine)
    for plan in ({"a": 1}, {"a": 2}):
        with transaction(engine) as session:
            store_plan(session, mine, plan=plan, plan_hash="h", plan_mac="m")


def intends(engine: Engine) -> None:
    mine = owned(engine)
    with transaction(engine) as session:
        record_intent(session, mine, step="1", attempt=1, payload={"ä": [1, None, 2.5]}, sealing=unsealed)


def answers(engine: Engine) -> None:
    mine = owned(engine)
    with transaction(engine) as session:
        record_intent(session, mine, step="1", attempt=1, payload={}, sealing=unsealed)
    with transaction(engine) as session:
        record_answer(session, mine, step="1", attempt=1, answer=Answer.LANDED, sealing=unsealed)


def settles(engine: Engine) -> None:
    settled(engine, Outcome.SUCCESS)


def finds_out(engine: Engine) -> None:
    mine = settled(engine, Outcome.UNKNOWN)
    with transaction(engine) as session:
        find_out(
            session, mine.execution_id, outcome=Outcome.SUCCESS, report={}, title="t", reason="looked", by="carol"
        )


def corrects(engine: Engine) -> None:
    mine = settled(engine, Outcome.FAILED, look_again=True)
    with transaction(engine) as session:
        assert correct(session, mine.execution_id, outcome=Outcome.SUCCESS, report={}, title="t", reason="late")


def rolls_back(engine: Engine) -> None:
    mine = settled(engine, Outcome.SUCCESS)
    with transaction(engine) as session:
        made = start_rollback(
            session,
            mine.execution_id,
            plan={"b": 1},
            plan_hash="h",
            seal_plan=lambda _: "m",
            keys=["t"],
            before=Seen(now(), {}),
            worker="w",
            lease_seconds=30,
            actor="w",
            operation_type="scale",
            input={},
        )
    assert isinstance(made, Owned)


def takes_a_rollback_over(engine: Engine) -> None:
    mine = settled(engine, Outcome.SUCCESS)
    with transaction(engine) as session:
        made = start_unmade_rollback(session, mine.execution_id, worker="w")
    assert made is not None
    with transaction(engine) as session:
        assert take_over_rollback(session, mine.execution_id, worker="x", lease_seconds=30) is not None


def stops_everything(engine: Engine) -> None:
    with transaction(engine) as session:
        set_kill_switch(session, True, by="alice", reason="storm")


def allows_everything(engine: Engine) -> None:
    stops_everything(engine)
    with transaction(engine) as session:
        set_kill_switch(session, False, by="alice", reason="over")


def asks_the_gateway(engine: Engine) -> None:
    with transaction(engine) as session:
        record_call(session, CALL)


def proposes(engine: Engine) -> None:
    with transaction(engine) as session:
        add_version(
            session,
            number=1,
            document="signers: []",
            hash="a" * 64,
            previous_hash=None,
            author="ann",
            reason="why",
            proposed_at=now(),
        )


def signs_a_policy(engine: Engine) -> None:
    proposes(engine)
    with transaction(engine) as session:
        add_policy_signature(session, number=1, hash="a" * 64, administrator="ann", key_id="k", value="v")


def activates(engine: Engine) -> None:
    signs_a_policy(engine)
    with transaction(engine) as session:
        activate_version(session, 1, by="ben")


WRITERS: list[tuple[Callable[[Engine], None], Event]] = [
    (files, Event.REQUEST_FILED),
    (signs, Event.REQUEST_SIGNED),
    (rejects, Event.REQUEST_REJECTED),
    (cancels, Event.REQUEST_CANCELLED),
    (expires, Event.REQUEST_EXPIRED),
    (claims, Event.CLAIM_MADE),
    (takes_over, Event.CLAIM_TAKEN_OVER),
    (runs_dry, Event.DRY_RUN_STARTED),
    (takes_a_dry_run_over, Event.DRY_RUN_TAKEN_OVER),
    (plans, Event.PLAN_STORED),
    (intends, Event.INTENT_WRITTEN),
    (answers, Event.ANSWER_WRITTEN),
    (settles, Event.OUTCOME_SETTLED),
    (finds_out, Event.OUTCOME_FOUND_OUT),
    (corrects, Event.OUTCOME_CORRECTED),
    (rolls_back, Event.ROLLBACK_STARTED),
    (takes_a_rollback_over, Event.ROLLBACK_TAKEN_OVER),
    (stops_everything, Event.KILL_SWITCH_ON),
    (allows_everything, Event.KILL_SWITCH_OFF),
    (asks_the_gateway, Event.CALL_ALLOWED),
    (proposes, Event.POLICY_PROPOSED),
    (signs_a_policy, Event.POLICY_SIGNED),
    (activates, Event.POLICY_ACTIVATED),
]


@pytest.mark.parametrize(("writer", "event"), WRITERS, ids=[writer.__name__ for writer, _ in WRITERS])
def test_a_writer_appends_its_row_and_the_records_agree(
    engine: Engine, writer: Callable[[Engine], None], event: Event
) -> None:
    writer(engine)
    with transaction(engine) as session:
        assert event.value in session.execute(EVENTS).scalars()
    assert verify(engine, verifier=None, saved=None).findings == ()


@pytest.mark.parametrize(
    ("call", "event"),
    [
        ({"gate": 3, "gate_code": "host_unknown", "decision": "refused"}, Event.CALL_REFUSED),
        ({"decision": "completed", "exit_code": 0}, Event.CALL_ENDED),
        ({"decision": "failed", "error": "gone"}, Event.CALL_ENDED),
    ],
)
def test_a_call_is_told_as_what_became_of_it(engine: Engine, call: dict[str, object], event: Event) -> None:
    with transaction(engine) as session:
        record_call(session, replace(CALL, **call))  # type: ignore[arg-type]
        assert list(session.execute(EVENTS).scalars()) == [event.value]


def test_no_row_no_intent(engine: Engine, all_rights: Engine) -> None:
    mine = owned(engine)
    with transaction(all_rights) as session:
        session.execute(text("ALTER TABLE audit_event RENAME TO gone"))
    with pytest.raises(Exception, match="audit_event"), transaction(engine) as session:
        record_intent(session, mine, step="1", attempt=1, payload={}, sealing=unsealed)
    with transaction(all_rights) as session:
        assert session.execute(text("SELECT count(*) FROM journal_entry")).scalar_one() == 0
        session.execute(text("ALTER TABLE gone RENAME TO audit_event"))
