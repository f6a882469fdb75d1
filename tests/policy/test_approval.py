"""Which recorded signatures approve an action, which do not count, and which are tampering."""

from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from countersign.errors import InvalidInput, NotApproved, Tampered
from countersign.policy import (
    Decision,
    Policy,
    RecordedSignature,
    SignedContent,
    VerifiedApproval,
    check_signature,
    sign_hmac,
    verify_approval,
)
from tests.policy.people import APPROVAL, CONTENT, POLICY, SECRETS, Pen

SIGNERS = ("alice", "bob", "carol", "bot")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
moments = st.datetimes(timezones=st.just(UTC)) | st.none()


def verified(
    *signatures: RecordedSignature,
    content: SignedContent = CONTENT,
    policy: Policy = POLICY,
    approval_id: str = APPROVAL,
    secrets: dict[str, SecretStr] = SECRETS,
) -> VerifiedApproval:
    return verify_approval(
        content,
        signatures,
        approval_id=approval_id,
        policy=policy,
        secrets=secrets,
    )


def asked_by(requester: str, **changes: object) -> SignedContent:
    return replace(CONTENT, requested_by=requester, **changes)


@st.composite
def changed_contents(draw: st.DrawFn) -> SignedContent:
    """Another content than CONTENT, in one field or in several."""
    change = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "action": st.text(st.characters(exclude_categories=("Cs",))),
                "target": json_values.filter(lambda value: isinstance(value, dict | str | None)),
                "parameters": st.dictionaries(st.text(max_size=4), json_values, max_size=3),
                "risk_level": st.sampled_from(["low", "high", "critical"]),
                "requested_by": st.text(st.characters(exclude_categories=("Cs",)), max_size=8),
                "expires_at": moments,
                "not_before": moments,
                "required_signatures": st.integers(1, 3),
                "description": st.text(st.characters(exclude_categories=("Cs",)), max_size=8),
                "blast_radius": st.dictionaries(st.text(max_size=4), json_values, max_size=2),
                "incident": st.none() | st.text(st.characters(exclude_categories=("Cs",)), max_size=4),
                "playbook": st.none() | st.text(st.characters(exclude_categories=("Cs",)), max_size=4),
                "metadata": st.dictionaries(st.text(max_size=4), json_values, max_size=2),
            },
        ).filter(bool)
    )
    content = replace(CONTENT, **change)
    return content if content.hash != CONTENT.hash else replace(content, action=content.action + " ")


@given(content=changed_contents(), signer=st.sampled_from(SIGNERS))
def test_any_change_of_what_was_signed_is_tampering(content: SignedContent, signer: str) -> None:
    with pytest.raises(Tampered, match=signer):
        verified(Pen().sign(signer), content=content)


@pytest.mark.parametrize("shift", [timedelta(microseconds=1), timedelta(seconds=-1), timedelta(hours=8)])
def test_moving_the_expiry_is_tampering(shift: timedelta) -> None:
    assert CONTENT.expires_at
    with pytest.raises(Tampered):
        verified(Pen().sign("alice"), content=replace(CONTENT, expires_at=CONTENT.expires_at + shift))


@pytest.mark.parametrize(
    "change",
    [
        {"signer": "bob"},
        {"decision": "reject"},
        {"decision": "perhaps"},
        {"algorithm": "hmac-sha256"},
        {"value": b64encode(bytes(64)).decode()},
        {"value": ""},
        {"signer": "alice\nbob"},
    ],
    ids=str,
)
def test_any_change_of_the_signature_row_is_tampering(change: dict[str, str]) -> None:
    with pytest.raises(Tampered):
        verified(replace(Pen().sign("alice"), **change))


def test_signing_with_ones_own_key_under_anothers_name_is_tampering() -> None:
    with pytest.raises(Tampered):
        verified(Pen().sign("alice", as_name="bob"))


def test_a_signature_in_an_earlier_form_does_not_count_and_says_sign_again() -> None:
    with pytest.raises(NotApproved, match=r"alice: the form signed bound less .*; sign again"):
        verified(replace(Pen().sign("alice"), form=1))


def test_a_signature_copied_from_another_request_is_tampering() -> None:
    with pytest.raises(Tampered):
        verified(Pen("another-approval").sign("alice"))


@given(garbage=st.text() | st.binary(max_size=80).map(lambda raw: b64encode(raw).decode()))
def test_no_made_up_value_is_a_signature(garbage: str) -> None:
    with pytest.raises(Tampered):
        verified(replace(Pen().sign("bot"), value=garbage))
    with pytest.raises(Tampered):
        verified(replace(Pen().sign("alice"), value=garbage))


def test_comment_and_time_are_not_signed() -> None:
    signature = replace(Pen().sign("alice"), comment="changed my wording", at=datetime(2020, 1, 1, tzinfo=UTC))
    assert verified(signature).signers == ("alice",)


@given(names=st.lists(st.sampled_from(SIGNERS), max_size=8), required=st.integers(0, 5))
def test_only_distinct_signers_count_and_their_order_does_not_matter(names: list[str], required: int) -> None:
    content = replace(CONTENT, required_signatures=required)
    signatures = [Pen().sign(name, content) for name in names]
    distinct = set(names)
    if len(distinct) < max(required, 1):
        with pytest.raises(NotApproved, match=f"{len(distinct)} count"):
            verified(*signatures, content=content)
    else:
        result = verified(*signatures, content=content)
        assert set(result.signers) == distinct
        assert result == verified(*reversed(signatures), content=content)


def test_the_policys_minimum_for_the_risk_counts_even_if_the_request_asks_for_less() -> None:
    content = replace(CONTENT, risk_level="critical")
    with pytest.raises(NotApproved, match="2 valid signatures are needed and 1 count"):
        verified(Pen().sign("alice", content), content=content)
    assert verified(Pen().sign("alice", content), Pen().sign("bob", content), content=content).required == 2


def test_two_keys_of_one_person_count_once() -> None:
    policy = POLICY.model_copy(
        update={
            "signers": tuple(s.model_copy(update={"name": "Alice"}) if s.name == "bot" else s for s in POLICY.signers)
        }
    )
    both = Pen().sign("alice"), Pen().sign("bot", as_name="alice")
    assert verified(*both, policy=policy).signers == ("alice",)
    two = replace(CONTENT, required_signatures=2)
    with pytest.raises(NotApproved):
        verified(Pen().sign("alice", two), Pen().sign("bot", two, as_name="alice"), policy=policy, content=two)


def test_one_secret_under_two_names_counts_once() -> None:
    policy = Policy.model_validate(
        {"signers": [{"name": "bot", "hmac": "bot"}, {"name": "auto_approver", "hmac": "auto"}]}
    )
    same = {"bot": SECRETS["auto"], "auto": SECRETS["auto"]}
    policy = policy.model_copy(update={"auto_approver": policy.auto_approver.model_copy(update={"signer": "other"})})
    two = replace(CONTENT, required_signatures=2)
    bot = sign_hmac(two, approval_id=APPROVAL, signer="bot", decision=Decision.APPROVE, key="bot", secret=same["bot"])
    recorded = RecordedSignature("bot", "approve", "", bot.algorithm, bot.key_id, bot.value, datetime.now(UTC))
    with pytest.raises(NotApproved, match="under another name"):
        verified(Pen().sign("auto_approver", two), recorded, policy=policy, secrets=same, content=two)


def test_a_signer_removed_from_the_policy_no_longer_counts() -> None:
    policy = POLICY.model_copy(update={"signers": tuple(s for s in POLICY.signers if s.name != "alice")})
    with pytest.raises(NotApproved, match=r"alice: key ed25519:.* is unknown, and the signer is not in the policy"):
        verified(Pen().sign("alice"), policy=policy)


def test_an_hmac_key_without_its_secret_does_not_count() -> None:
    with pytest.raises(NotApproved, match="bot: the secret of HMAC key 'bot' is not configured"):
        verified(Pen().sign("bot"), secrets={})


def test_a_signature_above_the_signers_risk_does_not_count() -> None:
    content = replace(CONTENT, risk_level="high")
    with pytest.raises(NotApproved, match="bot: may sign up to medium risk, this is high"):
        verified(*(Pen().sign(name, content) for name in ("alice", "bot")), content=content)


@pytest.mark.parametrize(
    "requester", ["alice", "Alice", " ALICE ", "ａlice", "ali\u200bce", "аlice", "\u0430l\u0456\u0441\u0435"]
)
def test_the_requesters_own_signature_does_not_count_with_four_eyes(requester: str) -> None:
    content = asked_by(requester)
    alice, bob = Pen().sign("alice", content), Pen().sign("bob", content)
    with pytest.raises(NotApproved, match="alice: made the request"):
        verified(alice, content=content)
    assert verified(alice, bob, content=content).signers == ("bob",)
    two_eyes = POLICY.model_copy(update={"four_eyes": False})
    assert verified(alice, content=content, policy=two_eyes).signers == ("alice",)


def test_a_rejection_outweighs_every_approval() -> None:
    no = Pen().sign("carol", decision=Decision.REJECT)
    with pytest.raises(NotApproved, match="rejected by carol"):
        verified(Pen().sign("alice"), Pen().sign("bob"), no)


def test_nobodys_signature_approves_nothing() -> None:
    careless = Policy.model_validate({"minimum_signatures": {"low": 0, "medium": 0, "high": 0, "critical": 0}})
    for policy in (POLICY, careless):
        with pytest.raises(NotApproved, match=r"1 valid signatures are needed and 0 count \(nobody\)"):
            verified(content=replace(CONTENT, required_signatures=0), policy=policy)


def test_the_default_policy_approves_nothing() -> None:
    with pytest.raises(NotApproved):
        verified(*(Pen().sign(name) for name in SIGNERS), policy=Policy())


def test_the_auto_approver_signs_its_own_requests_alone() -> None:
    content = asked_by("AUTO_APPROVE:rule-7")
    result = verified(Pen().sign("auto_approver", content), content=content)
    assert result.automatic
    assert result.signers == ("auto_approver",)


def test_a_person_beside_the_auto_approver_makes_it_no_longer_automatic() -> None:
    content = asked_by("auto_approve")
    both = (Pen().sign(name, content) for name in ("auto_approver", "alice"))
    assert not verified(*both, content=content).automatic


def test_the_auto_approver_does_not_sign_for_people() -> None:
    with pytest.raises(NotApproved, match="signs only its own requests"):
        verified(Pen().sign("auto_approver"))


def test_the_auto_approver_is_bounded_by_its_risk_level() -> None:
    content = asked_by("auto_approve", risk_level="high")
    signatures = [Pen().sign(name, content) for name in ("auto_approver", "alice")]
    with pytest.raises(NotApproved, match="the auto-approver may sign up to medium risk"):
        verified(*signatures, content=content)


def test_a_disabled_auto_approver_does_not_count() -> None:
    content = asked_by("auto_approve")
    off = POLICY.model_copy(update={"auto_approver": POLICY.auto_approver.model_copy(update={"enabled": False})})
    with pytest.raises(NotApproved, match="switched off"):
        verified(Pen().sign("auto_approver", content), content=content, policy=off)


def test_an_unknown_risk_level_is_named() -> None:
    with pytest.raises(InvalidInput, match="'huge'"):
        verified(content=replace(CONTENT, risk_level="huge"))


def test_a_signature_is_judged_before_it_is_recorded() -> None:
    def judge(signature: RecordedSignature, content: SignedContent = CONTENT) -> None:
        check_signature(content, signature, approval_id=APPROVAL, policy=POLICY, secrets=SECRETS)

    own = asked_by("alice")
    judge(Pen().sign("alice"))
    judge(Pen().sign("alice", own, decision=Decision.REJECT), own)
    with pytest.raises(NotApproved, match="made the request"):
        judge(Pen().sign("alice", own), own)
    with pytest.raises(NotApproved, match="is unknown"):
        judge(replace(Pen().sign("alice"), key_id="ed25519:0"))
    with pytest.raises(Tampered):
        judge(Pen("another").sign("alice"))
