"""The sign screen: exactly what a signature binds, in words, and the bytes that are signed."""

from rich.console import Console

from countersign.cli.rendering import print_reading
from countersign.client import Signing
from countersign.execution.filing import placed, reading_of, signed_content
from countersign.execution.sign_screen import fields_shown
from countersign.policy.signatures import Decision, signed_bytes
from countersign.records.tables import Approval
from countersign.texts import text


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
    for shown in fields_shown(content):
        console.print(f"  {shown.label}: {shown.words}", markup=False, soft_wrap=True)
    console.print(text("signing.bytes"), style="bold", markup=False)
    for line in signing.message.decode("utf-8").split("\n"):
        console.print(f"  {line}", markup=False, soft_wrap=True)
