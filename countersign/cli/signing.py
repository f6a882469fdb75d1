"""The sign screen: exactly what a signature binds, in words, and the bytes that are signed."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from countersign.canonical import canonical_json
from countersign.cli.rendering import print_reading
from countersign.client import Signing
from countersign.escaping import terminal
from countersign.execution.filing import placed, reading_of, signed_content
from countersign.policy.signatures import Decision, signed_bytes
from countersign.records.tables import Approval
from countersign.texts import text

SHOWN_FIRST = ("action", "requested_by", "risk_level", "description")
"""Fields that a signer reads first; the others follow in the order of their names."""


def signing_of(approval: Approval, *, signer: str, decision: Decision) -> Signing:
    """Return what `signer` signs to say this about `approval` as the record holds it."""
    content = signed_content(approval)
    message = signed_bytes(content, approval_id=approval.id, signer=signer, decision=decision)
    return Signing(str(approval.id), signer, decision.value, content.hash, content.as_json(), message)


def print_what_is_signed(console: Console, signing: Signing) -> None:
    """Print every field that the signer is about to sign, what the action means, and the signed bytes."""
    content = signing.content
    console.print(text("signing.what_it_means"), style="bold", markup=False)
    print_reading(console, placed(reading_of(content["action"]), content["target"]))
    console.print(text("signing.what_is_signed"), style="bold", markup=False)
    for name, value in _in_order(content).items():
        console.print(f"  {text(f'signing.field_{name}')}: {_words(value)}", markup=False, soft_wrap=True)
    console.print(text("signing.bytes"), style="bold", markup=False)
    for line in signing.message.decode("utf-8").split("\n"):
        console.print(f"  {line}", markup=False, soft_wrap=True)


def _in_order(content: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: content[name] for name in (*SHOWN_FIRST, *sorted(content.keys() - set(SHOWN_FIRST)))}


def _words(value: Any) -> str:
    if value is None or value in ("", {}):
        return text("signing.nothing")
    # No two values look the same: a line break, too, stands there by its code point.
    return terminal(value if isinstance(value, str) else canonical_json(value))
