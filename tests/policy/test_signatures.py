"""What is signed: the exact bytes, and that nothing else verifies."""

from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import SecretStr

from countersign.errors import ConfigurationError, InvalidInput
from countersign.policy import Algorithm, Decision, SignedContent, sign_hmac
from countersign.policy.keys import generate_ed25519, load_private_key, load_public_key, public_text
from countersign.policy.signatures import signed_bytes, verify
from tests.policy.people import APPROVAL, CONTENT, KEYS, Pen


def test_the_signed_bytes_are_the_five_documented_lines() -> None:
    content = SignedContent(
        action="kubectl get pods",
        target=None,
        parameters={},
        risk_level="low",
        requested_by="dora",
        expires_at=datetime(2026, 1, 2, 11, tzinfo=UTC),
        blast_radius={"share": 0.25},
    )
    # sha256sum of this on one line, made by hand.
    text = (
        '{"action":"kubectl get pods","blast_radius":{"share":{"decimal":"0.25"}},"description":"",'
        '"expires_at":"2026-01-02T11:00:00.000000Z","incident":null,"metadata":{},"not_before":null,"parameters":{},'
        '"playbook":null,"requested_by":"dora","required_signatures":1,"risk_level":"low",'
        '"start":"when_approved","target":null,"when_blocked":"end"}'
    )
    assert content.hash == sha256(text.encode()).hexdigest()
    assert (
        signed_bytes(content, approval_id="a-1", signer="阿明", decision=Decision.REJECT)
        == f"countersign/approval/v2\nreject\na-1\n阿明\n{content.hash}".encode()
    )


def test_one_moment_in_two_time_zones_has_one_hash() -> None:
    taipei = CONTENT.expires_at.astimezone(timezone(timedelta(hours=8)))
    assert SignedContent(**{**vars(CONTENT), "expires_at": taipei}).hash == CONTENT.hash


def test_a_time_without_a_zone_cannot_be_signed() -> None:
    with pytest.raises(InvalidInput, match="expires_at"):
        _ = replace(CONTENT, expires_at=datetime(2026, 1, 1)).hash  # noqa: DTZ001


@pytest.mark.parametrize("parameters", [{"replicas": float("nan")}, {"x": {1: 2}}, {"x": {1, 2}}, {"x": "\ud800"}])
def test_values_without_a_canonical_form_cannot_be_signed(parameters: dict) -> None:
    with pytest.raises(InvalidInput, match="parameters cannot be signed"):
        _ = replace(CONTENT, parameters=parameters).hash


@pytest.mark.parametrize("signer", ["", "alice\nbob", "alice\x00"])
def test_a_name_that_would_blur_the_signed_lines_is_refused(signer: str) -> None:
    with pytest.raises(InvalidInput, match="signer"):
        signed_bytes(CONTENT, approval_id=APPROVAL, signer=signer, decision=Decision.APPROVE)


def test_a_short_hmac_secret_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigurationError, match="15 bytes long") as caught:
        sign_hmac(
            CONTENT,
            approval_id=APPROVAL,
            signer="bot",
            decision=Decision.APPROVE,
            key="bot",
            secret=SecretStr("fifteen-letters"),
        )
    assert "fifteen-letters" not in str(caught.value)


def test_hmac_is_hmac_sha256_of_the_signed_bytes() -> None:
    signature = Pen().sign("bot")
    message = signed_bytes(CONTENT, approval_id=APPROVAL, signer="bot", decision=Decision.APPROVE)
    secret = b"a secret of the bot, long enough"
    assert len(b64decode(signature.value)) == 32
    assert verify(message, signature.value, algorithm=Algorithm.HMAC_SHA256, secret=secret)
    assert not verify(message + b"\n", signature.value, algorithm=Algorithm.HMAC_SHA256, secret=secret)
    assert not verify(message, "not base64!", algorithm=Algorithm.HMAC_SHA256, secret=secret)


def test_a_new_key_pair_belongs_together_and_hides_its_private_half() -> None:
    private, public = generate_ed25519()
    assert public_text(load_private_key(private).public_key()) == public
    assert "PRIVATE" not in repr(private)


def test_public_keys_are_read_in_all_three_spellings() -> None:
    key = KEYS["alice"].public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    ssh = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert {public_text(load_public_key(text)) for text in (pem, ssh, public_text(key))} == {public_text(key)}


@pytest.mark.parametrize("pem", ["", "garbage", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
def test_a_damaged_private_key_is_a_sentence_without_the_key(pem: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        load_private_key(SecretStr(pem))
    assert "AAAA" not in str(caught.value)
    assert "countersign keys new" in (caught.value.hint or "")
