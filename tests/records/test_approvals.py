"""Filing, signing, expiring and listing approvals."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from countersign.errors import CountersignError, InvalidInput, NotFound
from countersign.records.approvals import (
    add_signature,
    cancel_approval,
    expire_due,
    file_approval,
    get_approval,
    list_approvals,
    signatures_of,
)
from countersign.records.claims import ClaimResult
from countersign.records.database.engine import transaction
from countersign.records.database.identifiers import id_from_text, new_id
from countersign.records.database.storable import clean, clean_json, clipped
from countersign.records.queries import abandoned, approvals_of_incident, never_started
from countersign.records.states import ApprovalStatus, Decision, EventStatus, RiskLevel
from countersign.records.timeline import add_event, events_of
from tests.records.builders import REQUEST, approved, claims, end_lease, now, owned, pending, signed_by


def sign(
    engine: Engine, approval_id: UUID, signer: str, decision: Decision = Decision.APPROVE, at: datetime | None = None
) -> ApprovalStatus:
    with transaction(engine) as session:
        return add_signature(session, approval_id, signed_by(signer, decision, "why"), now=at or now()).status


def test_a_request_is_stored_as_it_was_made(engine: Engine) -> None:
    filed = pending(
        engine,
        action="重啟 ｋubectl …",
        description="d",
        risk_level=RiskLevel.CRITICAL,
        required_signatures=2,
        blast_radius={"affected_pods": 3, "related_services": ["a"]},
        incident_id="INC-7",
        metadata={"k": {"n": [1, None]}},
        target={"kind": "Deployment"},
        parameters=None,
    )
    with transaction(engine) as session:
        found = get_approval(session, filed.id)
        told = [event.type for event in events_of(session, incident_id="INC-7")]
        assert [approval.id for approval in approvals_of_incident(session, "INC-7")] == [filed.id]
    assert (found.action, found.risk_level, found.status) == ("重啟 ｋubectl …", "critical", ApprovalStatus.PENDING)
    assert (found.details, found.target, found.parameters) == ({"k": {"n": [1, None]}}, {"kind": "Deployment"}, None)
    assert found.blast_radius == {"affected_pods": 3, "related_services": ["a"]}
    assert told == ["approval_filed"]


@pytest.mark.parametrize(
    ("requested_by", "auto"), [("auto_approve", True), ("AUTO_Approve:rule-7", True), ("autoXapprove", False)]
)
def test_the_database_knows_who_approved_automatically(engine: Engine, requested_by: str, auto: bool) -> None:
    assert pending(engine, requested_by=requested_by).auto_approved is auto


def test_the_same_key_files_one_request_however_often_it_is_sent(engine: Engine) -> None:
    ready = Barrier(8)

    def send(_: int) -> UUID:
        ready.wait()
        return pending(engine, idempotency_key="k", metadata={"a": (1, 2)}, expires_at=later).id

    later = now() + timedelta(hours=1)
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(send, range(8)))) == 1
    with transaction(engine) as session:
        assert len(list_approvals(session).items) == 1
        assert session.execute(text("SELECT count(*) FROM timeline_event")).scalar_one() == 1


def test_a_key_cannot_be_used_for_another_request(engine: Engine) -> None:
    pending(engine, idempotency_key="k")
    with pytest.raises(InvalidInput, match="idempotency_key"):
        pending(engine, idempotency_key="k", action="other")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("action", "x" * 20_001),
        ("requested_by", "  "),
        ("required_signatures", 0),
        ("required_signatures", 21),
        ("expires_at", datetime(2030, 1, 1)),  # noqa: DTZ001 - that is what is wrong with it
    ],
)
def test_a_bad_request_is_told_which_field(engine: Engine, field: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=field):
        pending(engine, **{field: value})


def test_enough_distinct_signers_approve(engine: Engine) -> None:
    approval_id = pending(engine, required_signatures=2).id
    assert sign(engine, approval_id, "bob") is ApprovalStatus.PENDING
    with pytest.raises(InvalidInput, match="has decided"):
        sign(engine, approval_id, "BOB")
    assert sign(engine, approval_id, "carol") is ApprovalStatus.APPROVED
    with transaction(engine) as session:
        assert [signature.signer for signature in signatures_of(session, approval_id)] == ["bob", "carol"]


def test_two_signers_at_once_approve_together(engine: Engine) -> None:
    for _ in range(5):
        approval_id = pending(engine, required_signatures=2).id
        ready = Barrier(2)

        def signing(signer: str, approval_id: UUID = approval_id, ready: Barrier = ready) -> ApprovalStatus:
            ready.wait()
            return sign(engine, approval_id, signer)

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(signing, ["bob", "carol"])) == ["approved", "pending"]


def test_one_rejection_rejects_even_what_was_approved(engine: Engine) -> None:
    approval_id = approved(engine)
    assert sign(engine, approval_id, "carol", Decision.REJECT) is ApprovalStatus.REJECTED
    with transaction(engine) as session:
        assert get_approval(session, approval_id).rejection_reason == "rejected by carol: why"
    with pytest.raises(InvalidInput, match="is rejected"):
        sign(engine, approval_id, "dave")


def test_a_rejection_and_a_claim_exclude_each_other(engine: Engine) -> None:
    for _ in range(8):
        approval_id = approved(engine)
        ready = Barrier(2)

        def reject(approval_id: UUID = approval_id, ready: Barrier = ready) -> bool:
            ready.wait()
            try:
                return sign(engine, approval_id, "carol", Decision.REJECT) is ApprovalStatus.REJECTED
            except InvalidInput:
                return False

        def run(approval_id: UUID = approval_id, ready: Barrier = ready) -> bool:
            ready.wait()
            return claims(engine, approval_id).result is ClaimResult.CLAIMED

        with ThreadPoolExecutor(2) as pool:
            rejected, claimed = pool.submit(reject), pool.submit(run)
            assert rejected.result() != claimed.result()


@pytest.mark.parametrize("signer", ["", "  "])
def test_a_signature_needs_a_signer(engine: Engine, signer: str) -> None:
    with pytest.raises(InvalidInput, match="signer"):
        sign(engine, pending(engine).id, signer)


def test_an_expired_request_takes_no_signature(engine: Engine) -> None:
    expires = now() + timedelta(hours=1)
    filed = pending(engine, expires_at=expires)
    with pytest.raises(InvalidInput, match="expired"):
        sign(engine, filed.id, "bob", at=expires)


def test_cancelling_is_possible_until_it_runs(engine: Engine) -> None:
    approval_id = approved(engine)
    with transaction(engine) as session:
        cancelled = cancel_approval(session, approval_id, by="alice", reason="r")
    assert (cancelled.status, cancelled.rejection_reason) == ("cancelled", "cancelled by alice: r")
    running = approved(engine)
    claims(engine, running)
    with pytest.raises(InvalidInput, match="is executing"), transaction(engine) as session:
        cancel_approval(session, running, by="alice")


@pytest.mark.parametrize("ask", [get_approval, lambda s, i: add_signature(s, i, signed_by("b"), now=now())])
def test_what_does_not_exist_is_not_found(engine: Engine, ask: object) -> None:
    with pytest.raises(NotFound), transaction(engine) as session:
        ask(session, uuid4())  # type: ignore[operator]
    with pytest.raises(NotFound), transaction(engine) as session:
        cancel_approval(session, uuid4(), by="a")


@pytest.mark.all_rights
def test_what_is_past_its_time_expires_and_the_rest_stays(engine: Engine) -> None:
    soon = now() + timedelta(hours=1)
    due = [pending(engine, expires_at=now() - timedelta(seconds=1)).id, approved(engine, expires_at=soon)]
    with transaction(engine) as session:
        session.execute(text("UPDATE approval SET expires_at = clock_timestamp() WHERE id = :id"), {"id": due[1]})
    stays = [pending(engine).id, approved(engine, expires_at=soon), pending(engine, expires_at=soon).id]
    running = approved(engine, expires_at=soon)
    claims(engine, running)
    with transaction(engine) as session:
        session.execute(text("UPDATE approval SET expires_at = clock_timestamp() WHERE id = :id"), {"id": running})
    with transaction(engine) as session:
        assert set(expire_due(session)) == set(due)
        assert expire_due(session) == []
        assert all(get_approval(session, one).status is not ApprovalStatus.EXPIRED for one in [*stays, running])


def test_pages_meet_every_approval_once_newest_first(engine: Engine) -> None:
    same_time = now()
    with transaction(engine) as session:
        for number in range(23):
            file_approval(session, replace(REQUEST, description=str(number)), now=same_time)
    seen: list[UUID] = []
    position = None
    while True:
        with transaction(engine) as session:
            page = list_approvals(session, status=ApprovalStatus.PENDING, before=position, limit=5)
        seen += [approval.id for approval in page.items]
        position = page.next
        if position is None:
            break
    assert len(seen) == len(set(seen)) == 23
    assert seen == sorted(seen, reverse=True)
    with transaction(engine) as session:
        assert list_approvals(session, status=ApprovalStatus.APPROVED).items == []


def test_reconciliation_finds_what_was_never_started_and_what_was_left(engine: Engine) -> None:
    waiting, mine, left = approved(engine), owned(engine), owned(engine)
    end_lease(engine, left.execution_id)
    with transaction(engine) as session:
        assert never_started(session, older_than_seconds=0) == [waiting]
        assert never_started(session, older_than_seconds=60) == []
        (found,) = abandoned(session)
    assert (found.execution_id, found.fence) == (left.execution_id, 1)
    assert found.execution_id != mine.execution_id


def test_an_event_is_told_once_per_key(engine: Engine) -> None:
    told = {"type": "t", "status": EventStatus.INFO, "title": "t", "actor": "a", "actor_role": "system"}
    with transaction(engine) as session:
        assert add_event(session, incident_id="INC-1", once_key="x", **told)  # type: ignore[arg-type]
        assert not add_event(session, incident_id="INC-1", once_key="x", **told)  # type: ignore[arg-type]
        assert add_event(session, incident_id="INC-1", **told)  # type: ignore[arg-type]
        (first, second) = events_of(session, incident_id="INC-1")
        assert events_of(session, incident_id="INC-1", after=first.seq or 0) == [second]
    with pytest.raises(InvalidInput), transaction(engine) as session:
        add_event(session, **told)  # type: ignore[arg-type]


def test_identifiers_are_in_the_order_of_their_making() -> None:
    made = [new_id() for _ in range(100)]
    assert len(set(made)) == 100
    assert {one.version for one in made} == {7}
    stamps = [one.int >> 80 for one in made]
    assert stamps == sorted(stamps)


@given(st.text())
def test_a_wrong_identifier_is_an_error_for_people(given_text: str) -> None:
    try:
        id_from_text(given_text)
    except CountersignError as error:
        assert "approval_id" in error.message


@given(st.text(alphabet=st.characters(codec=None)), st.integers(40, 200))
def test_clipped_text_fits_and_can_be_stored(given_text: str, limit: int) -> None:
    done = clipped(given_text, limit)
    assert done is not None
    assert len(done) <= limit
    assert "\x00" not in done
    done.encode("utf-8")
    assert len(given_text) > limit or done == clean(given_text)


def test_clean_json_leaves_numbers_and_null_alone() -> None:
    value = {"a": [1, 2.5, None, True, ("x",)]}
    assert clean_json(value) == {"a": [1, 2.5, None, True, ["x"]]}
