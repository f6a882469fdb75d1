"""Looking through the whole record of the policy, for people: every version, the chain, and what is in force."""

from dataclasses import dataclass

from sqlalchemy import Engine

from countersign.errors import ConfigurationError, PolicyNotTrusted
from countersign.execution.hmac_secrets import FILE as SECRETS
from countersign.execution.hmac_secrets import signing_secrets
from countersign.execution.policy.in_force import InForce, PolicyOnRecord, policy_source, version_of
from countersign.execution.policy.versions_seen import SeenVersions
from countersign.policy.document import Policy
from countersign.policy.versions import require_workable
from countersign.records.database.engine import transaction
from countersign.records.policy_versions import versions
from countersign.settings import Settings

MOST = 10_000
"""Versions that are looked at, the last ones."""


@dataclass(frozen=True)
class Checked:
    """What was found, as sentences."""

    said: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.said)


def check_policy(settings: Settings, engine: Engine) -> Checked:
    """Verify everything about the policy, and say what it amounts to.

    Raises PolicyNotTrusted naming the versions that were changed, ConfigurationError where nothing could be approved
    with it or a secret is missing, DatabaseUnavailable.
    """
    source = policy_source(settings, engine)
    on_record = isinstance(source, PolicyOnRecord)
    if on_record and (changed := changed_versions(engine)):
        raise PolicyNotTrusted(
            f"the record of the policy was changed: {'; '.join(changed)}",
            hint="nothing is executed by it; find out who changed the record, and restore it",
        )
    found = source.read()
    if found.mark is None:
        raise ConfigurationError(
            "no policy is in force, so nothing can be approved",
            hint="`countersign keys new NAME --enter` makes a first one where `countersign up` runs; elsewhere "
            "`countersign policy propose FILE`, sign, activate (docs/policy.md)",
        )
    require_workable(found.policy, source="the policy")
    _require_secrets(settings, found.policy)
    which = _of_record(settings, found, engine) if on_record else f"It is the file {settings.policy_file}."
    return Checked((_amounts_to(found.policy), which))


def changed_versions(engine: Engine) -> list[str]:
    """Return a clause for each version that is not what was proposed, or does not follow the one before it."""
    with transaction(engine) as session:
        rows = sorted(versions(session, limit=MOST), key=lambda row: row.number)
    wrong: list[str] = []
    before = None
    for row in rows:
        if version_of(row).hash != row.hash:
            wrong.append(f"version {row.number} is not what its hash says")
        if before is not None and row.number != before.number + 1:
            wrong.append(f"versions {before.number + 1} to {row.number - 1} are missing")
        elif before is not None and row.previous_hash != version_of(before).hash:
            wrong.append(f"version {row.number} does not follow version {before.number} as it is now")
        before = row
    return wrong


def _of_record(settings: Settings, found: InForce, engine: Engine) -> str:
    assert found.mark is not None and found.mark.number is not None
    number = found.mark.number
    with transaction(engine) as session:
        waiting = [str(row.number) for row in versions(session) if row.number > number]
    proposed = f" Version {', '.join(reversed(waiting))} is proposed and not in force." if waiting else ""
    kept = (
        ""
        if SeenVersions(settings.trust_dir).is_kept
        else (" The trust folder cannot be written: only running processes notice an older version that is put back.")
    )
    return f"Version {number}, signed by {', '.join(found.administrators)}.{proposed}{kept}"


def _amounts_to(policy: Policy) -> str:
    names = ", ".join(dict.fromkeys(signer.name for signer in policy.signers))
    switch = f"The policy's kill_switch is {'on' if policy.kill_switch else 'off'}."
    return f"{names} may sign; {len(policy.freeze_windows)} freeze windows. {switch}"


def _require_secrets(settings: Settings, policy: Policy) -> None:
    named = {signer.hmac for signer in policy.signers if signer.hmac}
    if missing := sorted(named - set(signing_secrets(settings.trust_dir))):
        raise ConfigurationError(
            f"the secrets of the HMAC keys {', '.join(missing)} are missing",
            hint=f"add them to the file {SECRETS} in the trust folder",
        )
