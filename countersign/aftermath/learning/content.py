"""What a playbook says: matchers and steps as values, and as the records keep them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from countersign.actions.rendering import steps_hash
from countersign.aftermath.learning.symptoms import Matcher, alert_in, read_matcher, symptom_hash
from countersign.records.playbooks import Content


@dataclass(frozen=True)
class Said:
    """A symptom, and what to do about it: one parameterised action for each step, in order."""

    symptom: tuple[Matcher, ...]
    actions: tuple[str, ...]

    @property
    def content(self) -> Content:
        """The same for the records, with hashes."""
        return Content(
            alert=alert_in(self.symptom),
            symptom={"matchers": [str(matcher) for matcher in self.symptom]},
            symptom_hash=symptom_hash(self.symptom),
            steps={"steps": [{"action": action} for action in self.actions]},
            steps_hash=steps_hash(self.actions),
        )


def said_by(symptom: Mapping[str, Any], steps: Mapping[str, Any]) -> Said:
    """Return what the two columns of a playbook, or of a version, say."""
    return Said(
        tuple(read_matcher(written) for written in symptom.get("matchers", [])),
        tuple(step["action"] for step in steps.get("steps", [])),
    )
