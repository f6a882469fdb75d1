"""The sign screen: exactly what a signature binds, in words, and the bytes that are signed."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from countersign.canonical import canonical_json
from countersign.cli.rendering import print_reading
from countersign.escaping import terminal
from countersign.execution.filing import placed, reading_of, signed_content
from countersign.policy.signatures import Decision, SignedContent, signed_bytes
from countersign.records.tables import Approval
from countersign.texts import text

SHOWN_FIRST = ("action", "requested_by", "risk_level", "description")
"""Fields that a signer reads first; the others follow in the order of their names."""


def print_what_is_signed(console: Console, approval: Approval, *, signer: str, decision: Decision) -> None:
    """Print every field that `signer` is about to sign, what the action means, and the signed bytes."""
    content = signed_content(approval)
    console.print(text("signing.what_it_means"), style="bold", markup=False)
    print_reading(console, placed(reading_of(approval.action), approval.target))
    console.print(text("signing.what_is_signed"), style="bold", markup=False)
    for name, value in _in_order(content).items():
        console.print(f"  {text(f'signing.field_{name}')}: {_words(value)}", markup=False, soft_wrap=True)
    console.print(text("signing.bytes"), style="bold", markup=False)
    message = signed_bytes(content, approval_id=approval.id, signer=signer, decision=decision)
    for line in message.decode("utf-8").split("\n"):
        console.print(f"  {line}", markup=False, soft_wrap=True)


def _in_order(content: SignedContent) -> Mapping[str, Any]:
    found = content.as_json()
    return {name: found[name] for name in (*SHOWN_FIRST, *sorted(found.keys() - set(SHOWN_FIRST)))}


def _words(value: Any) -> str:
    if value is None or value in ("", {}):
        return text("signing.nothing")
    # No two values look the same: a line break, too, stands there by its code point.
    return terminal(value if isinstance(value, str) else canonical_json(value))
