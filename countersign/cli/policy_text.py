"""The policy's text that is in force: read to be changed, and put in force again in the way that the settings say."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from countersign.cli.opened import open_records
from countersign.cli.options import acting
from countersign.errors import ConfigurationError
from countersign.execution.policy.change import machines_key, publish
from countersign.execution.policy.in_force import PolicyFile, pinned_administrators, policy_source
from countersign.policy.entering import FIRST
from countersign.records.database.engine import transaction
from countersign.settings import Settings


@dataclass(frozen=True)
class PolicyText:
    """A policy's text, and how another one is put in its place."""

    source: str
    text: str
    keep: Callable[[str, str], str]
    """Takes the new text and the reason, and says what became of it. Raises ConfigurationError, NotApproved: the
    policy is as it was then."""


def read_policy_text(settings: Settings) -> PolicyText:
    """Return the text of the policy that is in force, or a first one where there is none.

    Raises ConfigurationError, DatabaseUnavailable.
    """
    if settings.policy_file is not None:
        return _of_file(settings.policy_file)
    return _on_record(settings)


def _on_record(settings: Settings) -> PolicyText:
    engine = open_records()
    found = policy_source(settings, engine).read()

    def keep(text: str, reason: str) -> str:
        administrators = pinned_administrators(settings.trust_dir)
        own = machines_key(settings.trust_dir, administrators)
        with transaction(engine) as session:
            made = publish(session, text, author=acting(None), reason=reason, own=own, pinned=administrators)
        return made.said

    return PolicyText(f"policy, {found.mark}" if found.mark else "policy", found.document or FIRST, keep)


def _of_file(path: Path) -> PolicyText:
    def keep(text: str, _reason: str) -> str:
        try:
            _replace(path.resolve(), text)
        except OSError as error:
            raise ConfigurationError(
                f"the policy file {path} cannot be written: {error.strerror}", hint="enter the signer by hand"
            ) from None
        return f"it is in {path}"

    return PolicyText(str(path), PolicyFile(path).read().document, keep)


def _replace(path: Path, text: str) -> None:
    """Put the text in the file's place in one step, with its permissions."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            os.fchmod(stream.fileno(), path.stat().st_mode)
        Path(draft).replace(path)
    except OSError:
        Path(draft).unlink(missing_ok=True)
        raise
