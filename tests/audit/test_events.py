"""Every event is declared once, and can be told."""

import re

import pytest

from countersign.records.audit_events import Event
from countersign.texts import LANGUAGES, catalogue


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_event_has_a_sentence_and_every_sentence_an_event(language: str) -> None:
    told = {key for key in catalogue(language) if key.startswith("audit_event.")}
    assert told == {f"audit_event.{event.value.replace(':', '_')}" for event in Event}


def test_every_event_has_source_subject_and_action() -> None:
    for event in Event:
        assert re.fullmatch(r"[a-z_]+:[a-z_]+:[a-z_]+", event.value), event
