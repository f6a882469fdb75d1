"""Signatures by passkeys: the ceremony's answer counts for exactly what was signed, on its site, by who was there."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from countersign.policy.approval import RecordedSignature, verify_approval
from countersign.policy.document import Policy
from countersign.policy.loading import load_policy
from countersign.policy.passkeys import Passkey, is_origin_of, kept_assertion, verify_passkey
from countersign.policy.signatures import Decision, SignedContent, signed_bytes
from countersign.policy.signers import Signer
from tests.policy.authenticator import PRESENT, VERIFIED, Authenticator
from tests.policy.people import APPROVAL, CONTENT

AUTHENTICATOR = Authenticator()
MESSAGE = signed_bytes(CONTENT, approval_id=APPROVAL, signer="pat", decision=Decision.APPROVE)


def policy(authenticator: Authenticator = AUTHENTICATOR) -> Policy:
    return Policy(signers=(Signer(name="pat", passkey=authenticator.passkey),))


def recorded(value: str, **changes: object) -> RecordedSignature:
    made = RecordedSignature(
        signer="pat",
        decision="approve",
        comment="",
        algorithm="webauthn",
        key_id=AUTHENTICATOR.passkey.key_id,
        value=value,
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return replace(made, **changes)


def counts(value: str, content: SignedContent = CONTENT, **changes: object) -> bool:
    try:
        verify_approval(content, [recorded(value, **changes)], approval_id=APPROVAL, policy=policy(), secrets={})
    except Exception:
        return False
    return True


def test_a_passkeys_signature_counts_for_what_was_signed_and_for_nothing_else() -> None:
    value = AUTHENTICATOR.sign(MESSAGE)
    content = replace(CONTENT, required_signatures=1, risk_level="medium")
    message = signed_bytes(content, approval_id=APPROVAL, signer="pat", decision=Decision.APPROVE)
    assert counts(AUTHENTICATOR.sign(message), content)
    assert not counts(value, replace(content, action="kubectl delete pod api-1"))
    assert not counts(AUTHENTICATOR.sign(message), content, decision="reject")
    assert not counts(AUTHENTICATOR.sign(message), content, algorithm="ed25519")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (PRESENT, {}),
        (VERIFIED, {}),
        (0, {}),
        (PRESENT | VERIFIED, {"type": "webauthn.create"}),
        (PRESENT | VERIFIED, {"origin": "https://pages.example.com.attacker.example"}),
        (PRESENT | VERIFIED, {"origin": "https://attacker.example"}),
        (PRESENT | VERIFIED, {"origin": "http://pages.example.com"}),
        (PRESENT | VERIFIED, {"origin": "https://other.pages.example.com"}),
        (PRESENT | VERIFIED, {"challenge": "AAAA"}),
        (PRESENT | VERIFIED, {"origin": None}),
    ],
    ids=str,
)
def test_what_a_browser_would_not_say_here_does_not_count(flags: int, said: dict[str, object]) -> None:
    assert verify_passkey(MESSAGE, AUTHENTICATOR.sign(MESSAGE), AUTHENTICATOR.passkey)
    assert not verify_passkey(MESSAGE, AUTHENTICATOR.sign(MESSAGE, flags=flags, **said), AUTHENTICATOR.passkey)


def test_another_site_or_another_key_does_not_count() -> None:
    other = Authenticator(site="attacker.example", origin="https://attacker.example", key=AUTHENTICATOR.key)
    assert not verify_passkey(MESSAGE, other.sign(MESSAGE), AUTHENTICATOR.passkey)
    assert not verify_passkey(MESSAGE, Authenticator().sign(MESSAGE), AUTHENTICATOR.passkey)


@given(st.text(max_size=200) | st.binary(max_size=100).map(lambda raw: raw.decode("latin-1")))
def test_anything_else_is_no_signature(value: str) -> None:
    assert not verify_passkey(MESSAGE, value, AUTHENTICATOR.passkey)


@given(
    st.dictionaries(
        st.sampled_from(["id", "response", "type"]), st.none() | st.text() | st.dictionaries(st.text(), st.text())
    )
)
def test_an_answer_without_its_parts_is_refused(credential: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"has no response|lacks a part"):
        kept_assertion(credential)


def test_a_policy_says_the_site_and_the_key() -> None:
    passkey = AUTHENTICATOR.passkey
    text = f"signers:\n- name: pat\n  passkey: {{site: {passkey.site}, key: {passkey.key}}}\n"
    assert load_policy(text).signers[0].passkey == passkey
    assert load_policy(text).signers[0].key_id.startswith("passkey:")


@pytest.mark.parametrize("site", ["https://pages.example.com", "pages.example.com:8080", "", "a/b", "A.example"])
def test_a_site_is_a_host(site: str) -> None:
    with pytest.raises(ValidationError, match="no name of a site"):
        Passkey(site=site, key=AUTHENTICATOR.passkey.key)


@pytest.mark.parametrize("key", ["", "AAAA", "not base64 at all!", "o" * 40])
def test_a_key_is_cose(key: str) -> None:
    with pytest.raises(ValidationError, match="cannot be read"):
        Passkey(site="pages.example.com", key=key)


def test_this_machine_needs_no_encryption_and_every_other_does() -> None:
    assert is_origin_of("http://localhost:8080", "localhost")
    assert is_origin_of("https://pages.example.com:8443", "pages.example.com")
    assert not is_origin_of("http://pages.example.com", "pages.example.com")
    assert not is_origin_of("https://pages.example.com/path", "pages.example.com")
    assert not is_origin_of("https://pat@pages.example.com", "pages.example.com")
    assert not is_origin_of("https://pages.example.com:port", "pages.example.com")
