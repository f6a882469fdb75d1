"""May sign and wants to sign her own request: files it under another spelling of her name."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlmodel import Session

from countersign.errors import InvalidInput, NotApproved
from countersign.execution.decisions import sign_approval
from countersign.execution.filing import Request, file_request
from countersign.policy.signatures import Decision
from countersign.records.database.engine import transaction
from countersign.records.tables import Approval
from tests.attacks.conftest import Office, audited

REQUEST = Request(action="kubectl annotate deployment/web note=seen -n prod --overwrite", requested_by="alice")


@pytest.mark.parametrize("name", ["ALICE", "ａｌｉｃｅ", "alice ", "a1ice"])
def test_a_name_that_looks_like_hers_is_hers(office: Office, name: str) -> None:
    with transaction(office.services.engine) as session:
        approval = _file(office, name, session)
        with pytest.raises(NotApproved, match="made the request, and four_eyes is on"):
            sign_approval(
                session,
                office.services,
                approval,
                signer="alice",
                key=office.household.keys["alice"],
                decision=Decision.APPROVE,
            )
    assert audited(office, approval.id) == ["approval:request:filed", "approval:signature:refused"]


def test_who_files_in_anothers_name_does_not_sign_it_either(office: Office) -> None:
    with transaction(office.services.engine) as session:
        approval = _file(office, "carol", session, filed_by="alice")
        assert approval.details == {"filed_by": "alice"}
        with pytest.raises(NotApproved, match="made the request, and four_eyes is on"):
            sign_approval(
                session,
                office.services,
                approval,
                signer="alice",
                key=office.household.keys["alice"],
                decision=Decision.APPROVE,
            )


def test_nobody_says_in_the_metadata_who_filed_it(office: Office) -> None:
    with transaction(office.services.engine) as session, pytest.raises(InvalidInput, match="filed_by"):
        _file(office, "alice", session, metadata={"filed_by": "bob"})


def test_letters_of_two_scripts_are_refused_when_filed(office: Office) -> None:
    with (
        transaction(office.services.engine) as session,
        pytest.raises(InvalidInput, match=r"requested_by: .* mixes Cyrillic and Latin letters"),
    ):
        _file(office, "\u0430l\u0456\u0441\u0435", session)
    assert audited(office, "approval") == ["approval:request:refused"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ali\u200bce", "requested_by has an invisible character"),
        ("alice\u202e", "requested_by has an invisible character"),
        ("alice\n", "requested_by has a control character"),
        ("alice\u3164", "requested_by has an invisible character"),
        ("\x1b[2Kbob", "requested_by has a control character"),
        ("   ", "requested_by: must not be empty"),
    ],
)
def test_a_name_with_what_nobody_sees_is_refused_when_filed(office: Office, name: str, said: str) -> None:
    with transaction(office.services.engine) as session, pytest.raises(InvalidInput, match=said):
        _file(office, name, session)
    # A name that is missing is a mistake, and no attempt.
    assert audited(office, "approval") == (["approval:request:refused"] if name.strip() else [])


@pytest.mark.parametrize("field", ["description", "incident_id", "matched_playbook_id"])
def test_terminal_escapes_in_other_texts_are_refused_when_filed(office: Office, field: str) -> None:
    with (
        pytest.raises(InvalidInput, match=field.removesuffix("_id").removeprefix("matched_")),
        transaction(office.services.engine) as session,
    ):
        file_request(
            session,
            replace(REQUEST, **{field: "INC-7\x1b]0;x\x07"}),
            policy=office.services.policy,
            now=datetime.now(UTC),
        )
    assert audited(office, "approval") == ["approval:request:refused"]


def _file(office: Office, name: str, session: Session, **fields: object) -> Approval:
    request, now = replace(REQUEST, requested_by=name, **fields), datetime.now(UTC)
    return file_request(session, request, policy=office.services.policy, now=now).approval
