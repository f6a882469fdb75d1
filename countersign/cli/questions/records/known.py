"""What is known, as the records have it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session

from countersign.aftermath.incidents.working_memory import document_of, recall, working_memory
from countersign.aftermath.learning.playbook_document import write_playbooks
from countersign.aftermath.learning.subjects import steps_subject
from countersign.aftermath.learning.trust import Trust, read_trust
from countersign.cli.opened import open_records
from countersign.cli.playbook_showing import summary, whole
from countersign.cli.questions.answers import WholePlaybook
from countersign.records.auto_repairs import repairs_of
from countersign.records.database.engine import transaction
from countersign.records.incidents import list_incidents
from countersign.records.knowledge import Found, Only, related, search
from countersign.records.playbooks import changes_of, get_playbook, list_playbooks, versions_of
from countersign.records.states import IncidentStatus, PlaybookStatus
from countersign.records.tables import Incident
from countersign.records.timeline import events_of
from countersign.settings import load_settings


class KnownOnRecord:
    """About what is known."""

    def incidents(self, *, status: IncidentStatus | None, unresolved: bool, limit: int) -> Sequence[Incident]:
        """Return incidents, newest first."""
        with transaction(open_records()) as session:
            return list_incidents(session, status=status, unresolved=unresolved, limit=limit)

    def incident(self, incident_id: str) -> Mapping[str, Any]:
        """Return an incident, from its copy if that is good."""
        engine = open_records()
        found = recall(engine, working_memory(load_settings()), incident_id)
        document: dict[str, Any] = dict(found.document)
        with transaction(engine) as session:
            words = [document["signals"].get("alertname", ""), *document["affected_services"]]
            document["timeline"] = [
                {"at": one.at.isoformat(), "status": one.status, "title": one.title, "description": one.description}
                for one in events_of(session, incident_id=incident_id)
            ]
            document["repairs"] = [document_of(one) for one in repairs_of(session, incident_id)]
            document["related"] = [
                {"id": str(one.id), "title": one.title} for one in related(session, words, incident_id=incident_id)
            ]
        return {**document, "source": found.source.value}

    def playbooks(self, *, status: PlaybookStatus | None, alert: str | None) -> Sequence[Mapping[str, Any]]:
        """Return playbooks with the trust in the steps that they have in use."""
        with transaction(open_records()) as session:
            found = list_playbooks(session, status=status, alert=alert)
            subjects = {one.id: steps_subject(one.id, one.steps_hash) for one in found}
            trust = _trust(session, list(subjects.values()))
        return [summary(one, trust[subjects[one.id]]) for one in found]

    def playbook(self, name: str) -> WholePlaybook:
        """Return a playbook with its history."""
        with transaction(open_records()) as session:
            playbook = get_playbook(session, name)
            in_use = steps_subject(playbook.id, playbook.steps_hash)
            trust = _trust(session, [in_use])[in_use]
            versions, changes = versions_of(session, playbook.id), changes_of(session, playbook.id)
        facts = whole(playbook, trust, versions, changes)
        return WholePlaybook(facts, write_playbooks([playbook]), playbook.people_only_since)

    def cases(self, query: str, *, only: Only, limit: int) -> Sequence[Found]:
        """Return cases, the best first."""
        with transaction(open_records()) as session:
            return search(session, query, only=only, limit=limit)


def _trust(session: Session, subjects: Sequence[str]) -> Mapping[str, Trust]:
    half_life = load_settings().trust_half_life_seconds
    return read_trust(session, subjects, now=datetime.now(UTC), half_life_seconds=half_life)
