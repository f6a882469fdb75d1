"""Reading an action: text to operation, one grammar, one catalogue. Nothing here talks to a target."""

from countersign.actions.describing import describe, describe_refusal, describe_text, explain
from countersign.actions.printing import canonical
from countersign.actions.reading import read_action

__all__ = ["canonical", "describe", "describe_refusal", "describe_text", "explain", "read_action"]
