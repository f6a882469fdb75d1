"""The policy's text where the settings say that it is: read to be changed, and kept again."""

import asyncio
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from countersign.errors import ConfigurationError
from countersign.settings import Settings

UNCONFIGURED = (
    "save a block of type Countersign: policy in Prefect's UI and name it in COUNTERSIGN_POLICY_BLOCK, "
    "or name a file in COUNTERSIGN_POLICY_FILE"
)


@dataclass(frozen=True)
class PolicyText:
    """A policy's text, and how it is kept once it is another one."""

    source: str
    text: str
    keep: Callable[[str], None]
    """Raises ConfigurationError; the policy is as it was then."""


def read_policy_text(settings: Settings) -> PolicyText:
    """Return the text of the policy that is in force. Raises ConfigurationError."""
    if settings.policy_block is not None:
        return _of_block(settings.policy_block)
    if settings.policy_file is not None:
        return _of_file(settings.policy_file)
    raise ConfigurationError("no policy is configured, so nobody may sign anything", hint=UNCONFIGURED)


def _of_block(name: str) -> PolicyText:
    from blocks import PolicyDocument  # noqa: PLC0415 - Prefect takes two seconds to import
    from blocks.loading import load_block, save_block  # noqa: PLC0415

    block = asyncio.run(load_block(PolicyDocument, name))

    def keep(text: str) -> None:
        block.document = text
        asyncio.run(save_block(block, name))

    return PolicyText(f"the policy block {name!r}", block.document, keep)


def _of_file(path: Path) -> PolicyText:
    from countersign.policy.loading import read_policy_file  # noqa: PLC0415 - as the other half

    def keep(text: str) -> None:
        try:
            _replace(path.resolve(), text)
        except OSError as error:
            raise ConfigurationError(
                f"the policy file {path} cannot be written: {error.strerror}", hint="enter the signer by hand"
            ) from None

    return PolicyText(str(path), read_policy_file(path), keep)


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
