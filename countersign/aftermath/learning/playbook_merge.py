"""Keep a repair as a playbook: the one that says the same, a version of one that is very similar, or one of its own.

All of it happens under one lock, so that two executions that end at once make one playbook, not two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlmodel import Session

from countersign.aftermath.learning.content import Said, said_by
from countersign.aftermath.learning.playbook_names import name_for, title_for
from countersign.aftermath.learning.similarity import very_similar
from countersign.aftermath.learning.symptoms import matches
from countersign.records.playbooks import (
    add_version,
    create_playbook,
    find_playbook,
    lock_playbook,
    lock_playbooks,
    use_version,
    version_that_says,
    versions_for_symptom,
    versions_of,
    versions_with_steps,
)
from countersign.records.states import PlaybookStatus, VersionOrigin
from countersign.records.tables import Playbook, PlaybookVersion


@dataclass(frozen=True)
class Repair:
    """What was done about what, to be kept."""

    said: Said
    labels: Mapping[str, str]
    """Of the incident."""
    operation: Mapping[str, Any]
    """What the action reads to (countersign.actions.describe)."""
    matched: str | None
    """The playbook that the request named, if it did."""
    execution_id: UUID
    by: str


@dataclass(frozen=True)
class Kept:
    """The playbook that a repair became, and how."""

    playbook: Playbook
    how: str
    """made, counted or merged: texts in the catalogue."""
    version: int


def keep_repair(session: Session, repair: Repair) -> Kept:
    """Find or make the playbook. It is locked until the transaction ends; its statistics are for the caller."""
    lock_playbooks(session)
    same = _same(session, repair)
    if same is not None:
        return Kept(lock_playbook(session, same.playbook_id), "counted", same.version)
    similar = _similar(session, repair)
    if similar is not None:
        return _merge(session, lock_playbook(session, similar.playbook_id), repair)
    return Kept(_make(session, repair), "made", 1)


def _same(session: Session, repair: Repair) -> PlaybookVersion | None:
    """Return the version that says the same: the request's own playbook first, then one for this very symptom, then
    any whose matchers fit the incident."""
    content = repair.said.content
    named = find_playbook(session, repair.matched) if repair.matched else None
    if named is not None:
        for version in versions_of(session, named.id):
            if version.steps_hash == content.steps_hash:
                return version
    exact = version_that_says(session, content)
    if exact is not None:
        return exact
    for version in versions_with_steps(session, content.steps_hash):
        if matches(said_by(version.symptom, version.steps).symptom, repair.labels):
            return version
    return None


def _similar(session: Session, repair: Repair) -> PlaybookVersion | None:
    """Return a version for the same alert that differs in little, the oldest of several."""
    content, (action,) = repair.said.content, repair.said.actions
    for version in versions_for_symptom(session, alert=content.alert, symptom_hash=content.symptom_hash):
        actions = said_by(version.symptom, version.steps).actions
        if len(actions) == 1 and very_similar(actions[0], action):
            return version
    return None


def _merge(session: Session, playbook: Playbook, repair: Repair) -> Kept:
    """Add a version. What a draft says follows the latest run; what was approved stays until a person chooses."""
    number = add_version(
        session,
        playbook,
        repair.said.content,
        origin=VersionOrigin.MERGED,
        by=repair.by,
        execution_id=repair.execution_id,
    )
    if playbook.status is PlaybookStatus.DRAFT:
        use_version(session, playbook.id, number)
        playbook = lock_playbook(session, playbook.id)
    return Kept(playbook, "merged", number)


def _make(session: Session, repair: Repair) -> Playbook:
    content = repair.said.content
    alert = content.alert or next(matcher.value for matcher in repair.said.symptom)
    name = name_for(alert, repair.operation)
    if find_playbook(session, name) is not None:
        name = name_for(alert, repair.operation, apart=(content.symptom_hash[:4] + content.steps_hash[:4]))
    return create_playbook(
        session,
        name=name,
        title=title_for(alert, repair.operation),
        status=PlaybookStatus.DRAFT,
        content=content,
        origin=VersionOrigin.EXTRACTED,
        by=repair.by,
        execution_id=repair.execution_id,
    )
