"""A key file that cannot be used is refused with what is wrong with it, and with nothing of what it holds."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from countersign.cli.key_file import read_key_file, read_signing_key
from countersign.errors import InvalidInput
from countersign.private_files import write_private
from tests.cli.conftest import Run
from tests.planted import plant

KEY = Ed25519PrivateKey.generate()
LOCKED = BestAvailableEncryption(b"hunter2")


def pem(
    key: Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = KEY,
    form: PrivateFormat = PrivateFormat.PKCS8,
    locked: KeySerializationEncryption | None = None,
) -> bytes:
    return key.private_bytes(Encoding.PEM, form, locked or NoEncryption())


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.OpenSSH])
def test_a_key_of_ones_own_is_read(tmp_path: Path, form: PrivateFormat) -> None:
    write_private(tmp_path / "key", pem(form=form))
    assert read_signing_key(tmp_path / "key").public_key() == KEY.public_key()


WRONG: dict[str, tuple[Callable[[], bytes], str]] = {
    "public, PEM": (
        lambda: KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "is a public key",
    ),
    "public, OpenSSH": (
        lambda: KEY.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "is a public key",
    ),
    "encrypted": (lambda: pem(locked=LOCKED), "is encrypted with a passphrase"),
    "encrypted, OpenSSH": (
        lambda: pem(form=PrivateFormat.OpenSSH, locked=LOCKED),
        "is encrypted with a passphrase",
    ),
    "RSA": (lambda: pem(rsa.generate_private_key(65537, 2048)), "is a key of another kind (RSA)"),
    "EC": (lambda: pem(ec.generate_private_key(ec.SECP256R1())), "is a key of another kind (EC)"),
    "damaged": (lambda: pem()[:60], "is no private key in PEM, or is damaged"),
    "a word": (lambda: plant("hunter2-is-no-key").encode(), "is no private key in PEM, or is damaged"),
    "no text": (lambda: b"\xff\xfe\x00", "is no private key in PEM"),
    "nothing": (lambda: b"", "is no private key in PEM, or is damaged"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_key_to_sign_with_is_named(tmp_path: Path, kind: str) -> None:
    content, said = WRONG[kind]
    write_private(tmp_path / "key", content())
    with pytest.raises(InvalidInput) as refused:
        read_signing_key(tmp_path / "key")
    assert said in refused.value.message
    assert refused.value.message.startswith("--key: ")
    assert refused.value.hint


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_key_that_others_may_read_or_write_is_refused_with_its_mode(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "key"
    write_private(file, pem())
    file.chmod(mode)
    with pytest.raises(InvalidInput) as refused:
        read_key_file(file)
    assert (f"(mode {mode:o})" in refused.value.message, refused.value.hint) == (True, f"chmod 600 {file}")


def test_a_file_that_is_not_there_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        read_key_file(tmp_path / "none")
    with pytest.raises(InvalidInput, match="Is a directory"):
        read_key_file(tmp_path)


def test_a_key_of_another_kind_is_refused_where_a_request_is_signed(run: Run, tmp_path: Path) -> None:
    write_private(tmp_path / "rsa", pem(rsa.generate_private_key(65537, 2048)))
    code, _, err = run.refused("approvals", "sign", "0" * 8, "--as", "ann", "--key", str(tmp_path / "rsa"), "--yes")
    assert (code, "another kind (RSA)" in err) == (2, True)
