"""Checkpoints have C2SP's form, and nothing that was not signed is read from one."""

import pytest

from countersign.audit.notes import Sealer, open_checkpoint, open_note, read_verifier
from countersign.errors import Tampered

# The example of Go's golang.org/x/mod/sumdb/note, which is where the form comes from.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "\u2014 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ROOT = bytes(range(32))


@pytest.fixture
def sealer() -> Sealer:
    return Sealer(bytes(32))


def test_a_note_of_another_implementation_is_read() -> None:
    assert open_note(NOTE, read_verifier(PETER)).startswith("If you think")
    assert str(read_verifier(PETER)) == PETER


def test_a_checkpoint_comes_back(sealer: Sealer) -> None:
    found = open_checkpoint(sealer.sign(7, ROOT), read_verifier(str(sealer.verifier)))
    assert (found.size, found.root, found.origin) == (7, ROOT, sealer.verifier.name)


@pytest.mark.parametrize(
    ("old", "new"), [("\n7\n", "\n8\n"), ("AAEC", "AAED"), ("countersign-audit/", "other/"), ("\u2014 ", "- ")]
)
def test_a_changed_checkpoint_is_refused(sealer: Sealer, old: str, new: str) -> None:
    note = sealer.sign(7, ROOT)
    assert old in note
    with pytest.raises(Tampered):
        open_checkpoint(note.replace(old, new), sealer.verifier)


def test_a_checkpoint_of_another_key_is_refused(sealer: Sealer) -> None:
    with pytest.raises(Tampered, match="not signed by"):
        open_checkpoint(Sealer(b"\x01" * 32).sign(7, ROOT), sealer.verifier)


@pytest.mark.parametrize("note", ["", "\n\n", "a\nb\n", "a\n\n\u2014 a !!\n"])
def test_what_is_no_note_is_refused(sealer: Sealer, note: str) -> None:
    with pytest.raises(Tampered):
        open_checkpoint(note, sealer.verifier)
