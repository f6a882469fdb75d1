"""What is known, as the API tells of it."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

from countersign.aftermath.incidents.working_memory import Source, document_of
from countersign.cli.playbook_showing import moment
from countersign.cli.questions.answers import WholePlaybook
from countersign.client import Client
from countersign.errors import NotFound
from countersign.records.knowledge import Found, Only
from countersign.records.states import IncidentStatus, PlaybookStatus
from countersign.records.tables import AutoRepair, Incident

INCIDENT = re.compile(r"[^\s/\x00-\x1f\x7f]{1,200}")
PLAYBOOK = re.compile(r"[A-Za-z0-9-]{1,120}")


class KnownOverApi:
    """About what is known."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def incidents(self, *, status: IncidentStatus | None, unresolved: bool, limit: int) -> Sequence[Incident]:
        """Return incidents, newest first."""
        found = self._client.get("/incidents", status=status, unresolved=unresolved, limit=limit)
        return [Incident.model_validate(each) for each in found]

    def incident(self, incident_id: str) -> Mapping[str, Any]:
        """Return an incident, from its row."""
        if INCIDENT.fullmatch(incident_id) is None:
            raise NotFound(f"incident {incident_id} does not exist", hint="`countersign incidents list` shows them")
        said = self._client.get(f"/incidents/{quote(incident_id, safe='')}")
        document = document_of(Incident.model_validate(said))
        document["timeline"] = [
            {
                "at": datetime.fromisoformat(each["at"]).isoformat(),
                "status": each["status"],
                "title": each["title"],
                "description": each["description"],
            }
            for each in said["timeline"]
        ]
        document["repairs"] = [document_of(AutoRepair.model_validate(each)) for each in said["repairs"]]
        document["related"] = said["related"]
        return {**document, "source": Source.EPISODIC.value}

    def playbooks(self, *, status: PlaybookStatus | None, alert: str | None) -> Sequence[Mapping[str, Any]]:
        """Return playbooks with the trust in the steps that they have in use."""
        return [_summary(each) for each in self._client.get("/playbooks", status=status, alert=alert)]

    def playbook(self, name: str) -> WholePlaybook:
        """Return a playbook with its history."""
        if PLAYBOOK.fullmatch(name) is None:
            raise NotFound(
                f"no playbook has the name or id {name[:120]!r}", hint="`countersign playbooks list` shows all"
            )
        said = self._client.get(f"/playbooks/{name}")
        since = said["people_only_since"]
        facts = {
            **_summary(said),
            "versions": [{**each, "created_at": _moment(each["created_at"])} for each in said["versions"]],
            "changes": [{**each, "at": _moment(each["at"])} for each in said["changes"]],
        }
        return WholePlaybook(facts, said["document"], datetime.fromisoformat(since) if since else None)

    def cases(self, query: str, *, only: Only, limit: int) -> Sequence[Found]:
        """Return cases, the best first."""
        found = self._client.get(
            "/knowledge",
            q=query,
            tag=list(only.tags),
            entry_type=only.entry_type,
            category=only.category,
            source=only.source,
            author=only.author,
            limit=limit,
        )
        return [_case(each) for each in found]


def _summary(said: Mapping[str, Any]) -> Mapping[str, Any]:
    names = ("id", "name", "title", "status", "version", "symptom", "steps", "people_only")
    return {**{name: said[name] for name in names}, **said["trust"]}


def _moment(said: str) -> str:
    return moment(datetime.fromisoformat(said))


def _case(said: Mapping[str, Any]) -> Found:
    return Found(
        **{
            **said,
            "id": UUID(said["id"]),
            "execution_id": UUID(said["execution_id"]) if said["execution_id"] else None,
            "tags": tuple(said["tags"]),
            "created_at": datetime.fromisoformat(said["created_at"]),
        }
    )
