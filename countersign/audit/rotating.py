"""`countersign audit rotate-key`: another key takes the place of the one that signs the audit's heads.

The new key is a file first, then one transaction has the row that says so and a head that the new key signed over
it, then the file takes the old one's name. Whoever is killed before the transaction leaves the old key in force, and
the new one for the next attempt; whoever is killed after it leaves both, of which the newest head tells which is in
force, and the next sealer renames it.
"""

import time

from sqlalchemy import Engine

from countersign.audit.heads import (
    NEXT_FILE,
    PAST_FILE,
    head_path,
    next_of,
    past_of,
    sealer_of,
    sealer_of_head,
    take_its_place,
)
from countersign.audit.notes import Sealer, Verifier
from countersign.audit.sealing import Sealing
from countersign.errors import ConfigurationError
from countersign.folders import sync_folder
from countersign.secret_files import make_key, replace_secret_file
from countersign.settings import Settings

SECONDS_TO_WAIT = 10.0
"""For whoever seals at this moment."""


def prepare(settings: Settings) -> Sealer:
    """Make the key that is to take the sealing key's place, unless there is one, and return it.

    Raises ConfigurationError.
    """
    if settings.trust_dir is None:
        sealer_of(settings)  # says what is missing
    make_key(settings.trust_dir, NEXT_FILE)
    found = next_of(settings)
    assert found is not None and settings.trust_dir is not None
    sync_folder(settings.trust_dir)
    return found


def rotate(engine: Engine, settings: Settings, *, by: str, reason: str) -> Verifier:
    """Have another key seal from here on, one that was prepared where there is one; return its public half.

    Raises ConfigurationError, Tampered; DatabaseUnavailable, after which either key may be in force.
    """
    sealer = sealer_of(settings)
    sealing = Sealing(engine, sealer, head_path(settings), reread=lambda note: sealer_of_head(settings, note))
    # What an earlier attempt has put on record is finished by this.
    sealing.round()
    following = prepare(settings)

    def keep(note: str) -> None:
        kept = "\n".join([*past_of(settings), note])
        replace_secret_file(settings.trust_dir, PAST_FILE, kept.encode("utf-8"))

    give_up = time.monotonic() + SECONDS_TO_WAIT
    while sealing.hand_over(following, by=by, reason=reason, keep=keep) is None:
        if time.monotonic() > give_up:
            raise ConfigurationError("another process seals the audit without a pause", hint="try again")
        time.sleep(0.05)
    take_its_place(settings)
    return sealer_of(settings).verifier
