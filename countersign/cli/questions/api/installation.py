"""The installation, as the API tells of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from countersign.cli.questions.answers import RunTakers, WhoAsks
from countersign.cli.questions.api.who import refuse_by
from countersign.client import Client
from countersign.errors import ConfigurationError
from countersign.execution.attention import Attention, Need, NeedsAttention
from countersign.execution.standing import Standing
from countersign.records.control import Switch
from countersign.records.states import ApprovalStatus


class InstallationOverApi:
    """About the installation as a whole."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def standing(self) -> Standing:
        """Return how things stand, as far as the token's roles reach."""
        said = self._client.get("/status")
        counts = said["open_approvals"]
        return Standing(
            attention=Attention(
                tuple(_need(each) for each in said["items"]), tuple(Need(each) for each in said["more"])
            ),
            switch=_switch(said["switch"]),
            open_approvals=None if counts is None else {ApprovalStatus(name): counts[name] for name in counts},
            never_started=[UUID(each) for each in said["never_started"]],
            abandoned=[UUID(each) for each in said["abandoned"]],
            unknown=[UUID(each) for each in said["unknown"]],
            dead_letters=said["dead_letters"],
        )

    def takers(self) -> RunTakers:
        """Return who takes runs, as Prefect tells the API."""
        said = self._client.get("/status/takers")
        obstacle = said["obstacle"]
        return RunTakers(
            said["pool"],
            said["online"],
            ConfigurationError(obstacle["message"], hint=obstacle["hint"]) if obstacle is not None else None,
        )

    def switch(self) -> Switch:
        """Return the kill switch."""
        return _switch(self._client.get("/kill-switch"))

    def turn(self, on: bool, *, by: str | None, reason: str) -> Switch:
        """Turn the kill switch."""
        refuse_by(by)
        return _switch(self._client.post("/kill-switch", {"on": on, "reason": reason}))

    def who_asks(self) -> WhoAsks:
        """Return whose token it is."""
        said = self._client.get("/me")
        return WhoAsks(said["name"], said["kind"], said["groups"], said["roles"], said["limited_to"])


def _switch(said: Mapping[str, Any]) -> Switch:
    return Switch(said["on"], said["changed_by"], said["reason"], datetime.fromisoformat(said["changed_at"]))


def _need(said: Mapping[str, Any]) -> NeedsAttention:
    return NeedsAttention(
        need=Need(said["need"]),
        subject=said["subject"],
        approval_id=UUID(said["approval_id"]) if said["approval_id"] else None,
        since=datetime.fromisoformat(said["since"]),
        age_seconds=said["age_seconds"],
        what=said["what"],
        why=said["why"],
        command=said["command"],
        label=said["label"],
    )
