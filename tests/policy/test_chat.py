"""Where a click in a chat counts as a signature, and what is no such signature."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from countersign.errors import InvalidInput, NotApproved, SignatureRefused, Tampered
from countersign.policy import Decision, Policy, RecordedSignature, SignedContent, check_signature, verify_approval
from countersign.policy.chat_accounts import ChatAccount
from countersign.policy.entering import with_signer
from countersign.policy.keys import public_text
from countersign.policy.loading import load_policy
from countersign.policy.signatures import sign_click
from countersign.policy.signers import Signer
from tests.policy.people import APPROVAL, AT, CONTENT, POLICY, SECRETS, Pen

SERVER = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes([8]) * 32)
ACCOUNTS = {
    "bob": ChatAccount(service="slack", workspace="T1", account="U-bob"),
    "carol": ChatAccount(service="telegram", account="77"),
    "dora": ChatAccount(service="discord", workspace="5", account="6"),
    "auto_approver": ChatAccount(service="telegram", account="1"),
}


def policy_with(**chat: Any) -> Policy:
    signers = [*POLICY.signers, *(Signer(name=name, chat=account) for name, account in ACCOUNTS.items())]
    rule = {"servers": [public_text(SERVER.public_key())], **chat}
    return Policy.model_validate(
        POLICY.model_dump() | {"signers": [one.model_dump() for one in signers], "chat": rule}
    )


ALONE = policy_with(beside={"low": 0, "medium": 0})
BESIDE = policy_with(beside={"high": 1, "medium": 1})


def click(
    name: str,
    content: SignedContent = CONTENT,
    decision: Decision = Decision.APPROVE,
    *,
    account: str = "",
    key: Ed25519PrivateKey = SERVER,
    approval_id: str = APPROVAL,
    id: str = "c1",
) -> RecordedSignature:
    value = sign_click(
        content,
        approval_id=approval_id,
        signer=name,
        decision=decision,
        account=ACCOUNTS[account or name],
        click=id,
        key=key,
    )
    return RecordedSignature(name, decision, "", value.algorithm, value.key_id, value.value, AT)


def counted(*signatures: RecordedSignature, policy: Policy, content: SignedContent = CONTENT) -> tuple[str, ...]:
    return verify_approval(content, signatures, approval_id=APPROVAL, policy=policy, secrets=SECRETS).signers


def check(
    signature: RecordedSignature, *beside: RecordedSignature, policy: Policy, content: SignedContent = CONTENT
) -> None:
    check_signature(content, signature, approval_id=APPROVAL, policy=policy, secrets=SECRETS, beside=beside)


def test_a_click_counts_where_the_policy_says_so_and_nowhere_by_itself() -> None:
    assert counted(click("bob"), policy=ALONE) == ("bob",)
    assert policy_with().chat.counts_beside("low") is None  # type: ignore[union-attr, arg-type]
    for policy in (policy_with(), policy_with(beside={"low": 0, "high": 0}), BESIDE):
        with pytest.raises(NotApproved, match="click"):
            counted(click("bob"), policy=policy)
        with pytest.raises(SignatureRefused, match="click"):
            check(click("bob"), policy=policy)


def test_without_a_rule_no_server_signs_for_anybody() -> None:
    none = ALONE.model_copy(update={"chat": None})
    with pytest.raises(NotApproved, match=r"does not let .* sign for clicks"):
        counted(click("bob"), policy=none)
    with pytest.raises(SignatureRefused, match=r"does not let .* sign for clicks"):
        check(click("bob", decision=Decision.REJECT), policy=none)


def test_beside_a_persons_own_key_it_counts_and_beside_another_click_or_a_machine_it_does_not() -> None:
    pen, content = Pen(), replace(CONTENT, risk_level="high")
    check(click("bob", content), pen.sign("alice", content), policy=BESIDE, content=content)
    assert counted(pen.sign("alice", content), click("bob", content), policy=BESIDE, content=content) == (
        "alice",
        "bob",
    )
    with pytest.raises(SignatureRefused, match="beside 1 signatures by people's own keys, there are 0"):
        check(click("bob", content), click("carol", content), policy=BESIDE, content=content)
    with pytest.raises(NotApproved, match="there are 0"):
        counted(click("bob", content), click("carol", content), policy=BESIDE, content=content)
    auto = replace(CONTENT, requested_by="auto_approve:x", required_signatures=2)
    with pytest.raises(NotApproved, match="there are 0"):
        counted(pen.sign("auto_approver", auto), click("bob", auto), policy=BESIDE, content=auto)


def test_a_person_counts_once_however_they_signed() -> None:
    content = replace(CONTENT, required_signatures=2)
    with pytest.raises(NotApproved, match="2 valid signatures are needed and 1 count"):
        counted(Pen().sign("bob", content), click("bob", content), policy=BESIDE, content=content)


def test_a_rejection_counts_at_any_risk() -> None:
    content = replace(CONTENT, risk_level="critical")
    no = click("bob", content, Decision.REJECT)
    check(no, policy=ALONE, content=content)
    with pytest.raises(NotApproved, match="rejected by bob"):
        counted(Pen().sign("alice", content), no, policy=ALONE, content=content)


def test_whoever_made_the_request_does_not_click_for_it() -> None:
    with pytest.raises(SignatureRefused, match="four_eyes"):
        check(click("dora"), policy=ALONE)


def test_the_auto_approver_has_no_account() -> None:
    content = replace(CONTENT, requested_by="auto_approve:x")
    with pytest.raises(SignatureRefused, match="no account in a chat"):
        check(click("auto_approver", content), policy=ALONE, content=content)


def test_another_servers_signature_does_not_count() -> None:
    with pytest.raises(NotApproved, match=r"does not let ed25519:.* sign for clicks"):
        counted(click("bob", key=STRANGER), policy=ALONE)


def pretended(given: RecordedSignature, **changes: str) -> RecordedSignature:
    kept = json.loads(base64.b64decode(given.value)) | changes
    return replace(given, value=base64.b64encode(json.dumps(kept).encode()).decode())


@pytest.mark.parametrize(
    "forged",
    [
        click("bob", replace(CONTENT, risk_level="low")),
        click("bob", approval_id="0192d1c6-6f6e-7a8e-9d43-3c1d9e2f4a5c"),
        replace(click("bob", decision=Decision.REJECT), decision="approve"),
        replace(click("bob"), signer="carol"),
        replace(click("carol"), signer="bob"),
        replace(click("bob", account="carol"), key_id=ACCOUNTS["bob"].key_id),
        replace(Pen().sign("bob"), key_id=ACCOUNTS["bob"].key_id),
        replace(Pen().sign("bob"), key_id=ACCOUNTS["bob"].key_id, algorithm="chat"),
        replace(click("bob"), key_id=Pen().sign("bob").key_id),
        replace(click("bob"), algorithm="ed25519"),
        replace(click("bob"), value=""),
        pretended(click("bob"), click="c2"),
        pretended(click("bob"), signature=""),
        pretended(click("bob", key=STRANGER), server=json.loads(base64.b64decode(click("bob").value))["server"]),
    ],
)
def test_a_click_on_something_else_is_tampering(forged: RecordedSignature) -> None:
    with pytest.raises(Tampered):
        counted(forged, Pen().sign("alice"), policy=ALONE)


@pytest.mark.parametrize("id", ["", "a\nb", "x" * 201])
def test_a_click_has_an_id(id: str) -> None:
    with pytest.raises(InvalidInput, match="click"):
        click("bob", id=id)


@pytest.mark.parametrize("account", ACCOUNTS.values())
def test_an_account_is_read_as_it_is_written(account: ChatAccount) -> None:
    assert ChatAccount.read(account.key_id) == account


NO_ACCOUNTS = ("", "chat:", "slack:T:U", "chat:slack:U", "chat:slack::U", "chat:slack:T:U:V", "chat:telegram:T:1")


@pytest.mark.parametrize(
    "text", [*NO_ACCOUNTS, "chat:irc:a:b", "chat:telegram:", "chat:slack:T:a b", "chat:telegram:@a"]
)
def test_what_is_no_account_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        ChatAccount.read(text)


def test_one_account_is_one_persons() -> None:
    twice = [{"name": name, "chat": ACCOUNTS["bob"].model_dump()} for name in ("bob", "eve")]
    with pytest.raises(ValueError, match="the same key chat:slack:T1:U-bob"):
        Policy.model_validate({"signers": twice})


@pytest.mark.parametrize("name", ["carol", "bob"])
def test_an_account_is_entered_beside_a_persons_key(name: str) -> None:
    key = public_text(STRANGER.public_key())
    text = f"signers:\n- name: {name}\n  ed25519: {key}\n  may_sign: medium\n"
    signer = Signer(name=name, chat=ACCOUNTS[name], may_sign="low")
    assert signer in load_policy(with_signer(text, signer)).signers
    with pytest.raises(InvalidInput, match="has a signer"):
        with_signer(with_signer(text, signer), signer)
    with pytest.raises(InvalidInput, match="not critical"):
        with_signer(text, Signer(name=name, chat=ACCOUNTS[name]))
