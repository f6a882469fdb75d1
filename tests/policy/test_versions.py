"""A version is what administrators signed: all of it, in its place, by enough different people."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from countersign.errors import ConfigurationError, NotApproved, PolicyNotTrusted
from countersign.policy import Policy
from countersign.policy.administrators import Administrators
from countersign.policy.keys import public_text
from countersign.policy.signatures import Decision, sign_ed25519
from countersign.policy.versions import (
    PolicyVersion,
    VersionSignature,
    require_in_force,
    require_quorum,
    require_workable,
    sign_version,
    signed_bytes,
    verify_version,
)
from tests.policy.board import KEYS, SIGNERS, pinned
from tests.policy.people import CONTENT

VERSION = PolicyVersion(2, SIGNERS, "a" * 64, "ann", "why", datetime(2026, 3, 1, 12, 0, 0, 7, tzinfo=UTC))
BOTH = pinned("ann", "ben", quorum=2)


def signed(name: str, version: PolicyVersion = VERSION, *, as_name: str | None = None) -> VersionSignature:
    return sign_version(version, administrator=as_name or name, key=KEYS[name])


def test_two_administrators_reach_a_quorum_of_two_and_one_does_not() -> None:
    verified = verify_version(VERSION, [signed("ben"), signed("ann")], BOTH)
    assert (verified.administrators, verified.suffices) == (("ann", "ben"), True)
    require_quorum(2, verified)
    one = verify_version(VERSION, [signed("ann")], BOTH)
    with pytest.raises(NotApproved, match=r"needs 2 administrators' signatures and 1 count \(ann\)"):
        require_quorum(2, one)


def test_the_same_administrator_counts_once_with_however_many_signatures_and_keys() -> None:
    second = Ed25519PrivateKey.from_private_bytes(b"\x77" * 32)
    entries = [*BOTH.administrators, {"name": "ANN", "ed25519": public_text(second.public_key())}]
    three = Administrators.model_validate({"quorum": 2, "administrators": entries})
    signatures = [signed("ann"), signed("ann"), sign_version(VERSION, administrator="ANN", key=second)]
    assert verify_version(VERSION, signatures, three).administrators == ("ann",)


@pytest.mark.parametrize(
    "changed",
    [
        replace(VERSION, number=3),
        replace(VERSION, document=SIGNERS + " "),
        replace(VERSION, previous_hash="b" * 64),
        replace(VERSION, previous_hash=None),
        replace(VERSION, author="ben"),
        replace(VERSION, reason="why not"),
        replace(VERSION, proposed_at=VERSION.proposed_at + timedelta(microseconds=1)),
    ],
)
def test_a_signature_binds_every_part_of_a_version(changed: PolicyVersion) -> None:
    verified = verify_version(changed, [signed("ann")], pinned("ann"))
    assert not verified.suffices
    assert verified.not_counted == ("ann: it is not over this text",)


@pytest.mark.parametrize("name", ["Ann", "ann ", "аnn", "ｂen", "ben"])
def test_a_name_that_is_not_the_pinned_one_does_not_count(name: str) -> None:
    verified = verify_version(VERSION, [signed("ann", as_name=name)], BOTH)
    assert verified.administrators == ()
    assert "is ann's" in verified.not_counted[0]


def test_a_key_that_is_not_pinned_does_not_count() -> None:
    verified = verify_version(VERSION, [signed("ben")], pinned("ann"))
    assert "is not a pinned administrator's" in verified.not_counted[0]


def test_an_approvals_signature_is_none_on_a_policy() -> None:
    made = sign_ed25519(CONTENT, approval_id="2", signer="ann", decision=Decision.APPROVE, key=KEYS["ann"])
    assert not verify_version(VERSION, [VersionSignature("ann", made.key_id, made.value)], pinned("ann")).suffices
    assert signed_bytes(VERSION, administrator="ann").startswith(b"countersign/policy/v1\n2\n")


def test_what_is_in_force_without_its_quorum_or_with_another_hash_is_not_trusted() -> None:
    enough = verify_version(VERSION, [signed("ann")], pinned("ann"))
    require_in_force(VERSION, enough, recorded_hash=VERSION.hash)
    with pytest.raises(PolicyNotTrusted, match="was changed on record"):
        require_in_force(VERSION, enough, recorded_hash="c" * 64)
    none = verify_version(VERSION, [], pinned("ann"))
    with pytest.raises(PolicyNotTrusted, match=r"0 of 1 administrators' signatures count \(nobody\)"):
        require_in_force(VERSION, none, recorded_hash=VERSION.hash)


def test_a_policy_without_signers_cannot_work() -> None:
    with pytest.raises(ConfigurationError, match="names no signers, so nothing could be approved"):
        require_workable(Policy(), source="new.yaml")
