"""Alerts in every form that Alertmanager gives them: its webhook's notification (version 4), its API v2, plain lists.

Go writes a map that is nil as null, and a time that is not set as 0001-01-01T00:00:00Z; both are nothing here.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from countersign.canonical import sha256_of
from countersign.errors import InvalidInput

FIRING, OVER = "firing", "resolved"
ALERTS_LIMIT = 1_000
"""Alerts of one notification that are looked at; the rest is counted."""
STATES = {FIRING: FIRING, OVER: OVER, "active": FIRING, "suppressed": FIRING, "unprocessed": FIRING}
"""What an alert's status says. What is silenced or inhibited (API v2: suppressed) fires all the same."""
_TIME = "2026-01-05T12:00:00Z"


def _moment(given: Any) -> Any:
    """Take the ways of saying "never" for None."""
    if isinstance(given, str) and (not given.strip() or given.startswith("0001-01-01T00:00:00")):
        return None
    return given


Words = Annotated[dict[str, str], BeforeValidator(lambda given: {} if given is None else given)]
Moment = Annotated[AwareDatetime | None, BeforeValidator(_moment)]
Name = Annotated[str, BeforeValidator(lambda given: "" if given is None else given)]
Count = Annotated[int, BeforeValidator(lambda given: 0 if given is None else given), Field(ge=0)]


class Alert(BaseModel):
    """One alert."""

    model_config = ConfigDict(extra="ignore")

    status: str | None = None
    """firing or resolved; None where the sender leaves it to the end, as those who post to API v2 do."""
    labels: dict[str, str]
    annotations: Words = Field(default_factory=dict)
    startsAt: Moment = None
    endsAt: Moment = None
    updatedAt: Moment = None
    fingerprint: Name = ""

    @model_validator(mode="before")
    @classmethod
    def _said(cls, given: Any) -> Any:
        """Read the status as a text, as API v2's object with a state, or not at all."""
        if not isinstance(given, Mapping):
            return given
        status = given.get("status")
        if isinstance(status, Mapping):
            status = status.get("state") or ""
        return {**given, "status": status.casefold() if isinstance(status, str) else status}

    @property
    def key(self) -> str:
        """Return what tells this alert from others: its fingerprint, else its labels."""
        return self.fingerprint or sha256_of(self.labels)[:16]

    def is_over(self, *, now: datetime) -> bool:
        """Whether it has ended by what it says, or by the time that it gives."""
        if self.status == OVER:
            return True
        if self.endsAt is None or self.status == FIRING:
            return False
        # API v2: an end that lies ahead is when it would time out; one that is past, when it ended.
        return self.endsAt <= (self.updatedAt or now)

    def document(self, *, now: datetime) -> dict[str, Any]:
        """Return what is kept of it."""
        over = self.is_over(now=now)
        return {
            "status": OVER if over else FIRING,
            "labels": self.labels,
            "annotations": self.annotations,
            "starts_at": self.startsAt.isoformat() if self.startsAt else None,
            "ends_at": self.endsAt.isoformat() if self.endsAt and over else None,
        }


class Notification(BaseModel):
    """What one call of the webhook carries."""

    model_config = ConfigDict(extra="ignore")

    status: Literal["firing", "resolved"] | None = None
    """The group's own. Alertmanager makes it of what it lists: it says nothing of what it cut off."""
    groupKey: Name = ""
    commonLabels: Words = Field(default_factory=dict)
    commonAnnotations: Words = Field(default_factory=dict)
    truncatedAlerts: Count = 0
    """Alerts of the group that are not listed (the webhook's max_alerts)."""
    alerts: list[Alert]
    beyond: int = 0
    """Alerts that are listed beyond ALERTS_LIMIT."""

    @property
    def unlisted(self) -> int:
        """Return how many alerts are known by number alone."""
        return self.truncatedAlerts + self.beyond

    @property
    def is_over(self) -> bool:
        """Whether the group says that it is over, and has left none out."""
        return bool(self.groupKey) and self.status == OVER and self.truncatedAlerts == 0


def read_alerts(payload: Any) -> Notification:
    """Read a notification, or a list of alerts, or one alert. Raises InvalidInput naming the field."""
    match payload:
        case {"alerts": list()}:
            given = dict(payload)
        case {"alerts": other}:
            raise InvalidInput(
                f"alerts: a list is expected, not {'null' if other is None else type(other).__name__}",
                hint="a notification of Alertmanager lists at least one alert",
            )
        case {"labels": _}:
            given = {"alerts": [payload]}
        case list() if any(isinstance(one, Mapping) and "alerts" in one for one in payload):
            raise InvalidInput("alerts: these are several groups", hint="give each group by itself")
        case list():
            given = {"alerts": payload}
        case _:
            raise InvalidInput(
                "alerts: this is no notification of Alertmanager", hint='give {"alerts": [{"labels": {…}}]}'
            )
    if not given["alerts"]:
        raise InvalidInput("alerts: there is none in it")
    given |= {"beyond": max(0, len(given["alerts"]) - ALERTS_LIMIT), "alerts": given["alerts"][:ALERTS_LIMIT]}
    given["status"] = given["status"].casefold() if isinstance(given.get("status"), str) else given.get("status")
    _check_texts(given)
    try:
        found = Notification.model_validate(given)
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(map(str, problem["loc"]))
        hint = f"write a time with its zone, e.g. {_TIME}" if field.endswith("At") else "give it as Alertmanager does"
        raise InvalidInput(f"{field}: {problem['msg']}", hint=hint) from None
    for number, alert in enumerate(found.alerts):
        if alert.status is not None and alert.status not in STATES:
            raise InvalidInput(
                f"alerts.{number}.status: {alert.status[:80]!r} is no status of an alert",
                hint=f"one of {', '.join(STATES)}",
            )
    return found


def _check_texts(given: Any) -> None:
    try:
        json.dumps(given, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidInput("alerts: half a character is in a text", hint="give the document in UTF-8") from None
