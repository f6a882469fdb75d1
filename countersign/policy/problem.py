"""A mistake in a policy, said so that the person who wrote it can mend it."""

from pydantic_core import PydanticCustomError


def problem(what: str, hint: str) -> PydanticCustomError:
    """Return the error for a validator to raise: `what` is wrong, and the hint says what would work."""
    # The context and not the template carries the text: braces in a user's value must not be expanded.
    return PydanticCustomError("policy", "{what}", {"what": what, "hint": hint})
