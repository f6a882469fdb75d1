"""Everything that the audit can tell, declared once, as source:subject:action.

The sentence of each is in countersign/texts, section `audit_event`, under the same words with `_` for `:`.
An event that was used once keeps its words: rows with them are sealed.
"""

from enum import StrEnum

from countersign.texts import text


class Event(StrEnum):
    """What happened. The part before the first colon names the chain of what is about no approval."""

    # Requests and decisions.
    REQUEST_FILED = "approval:request:filed"
    REQUEST_SIGNED = "approval:request:signed"
    REQUEST_REJECTED = "approval:request:rejected"
    REQUEST_CANCELLED = "approval:request:cancelled"
    INCIDENT_LINKED = "approval:incident:linked"
    REQUEST_EXPIRED = "approval:request:expired"
    REQUEST_REFUSED = "approval:request:refused"
    """It has what its signers would not see, or would take for something else."""

    # Executions, from the claim to what was found out later.
    CLAIM_MADE = "execution:claim:made"
    CLAIM_TAKEN_OVER = "execution:claim:taken_over"
    DRY_RUN_STARTED = "execution:dry_run:started"
    DRY_RUN_TAKEN_OVER = "execution:dry_run:taken_over"
    PLAN_STORED = "execution:plan:stored"
    INTENT_WRITTEN = "execution:intent:written"
    ANSWER_WRITTEN = "execution:answer:written"
    OUTCOME_SETTLED = "execution:outcome:settled"
    OUTCOME_FOUND_OUT = "execution:outcome:found_out"
    OUTCOME_CORRECTED = "execution:outcome:corrected"
    ROLLBACK_STARTED = "execution:rollback:started"
    ROLLBACK_TAKEN_OVER = "execution:rollback:taken_over"

    # The host gateway.
    CALL_ALLOWED = "gateway:call:allowed"
    CALL_REFUSED = "gateway:call:refused"
    CALL_ENDED = "gateway:call:ended"

    # Incidents, each with a chain of its own.
    INCIDENT_OPENED = "incident:record:opened"
    INCIDENT_REOPENED = "incident:record:reopened"
    INCIDENT_MOVED = "incident:record:moved"
    INCIDENT_RESOLVED = "incident:record:resolved"

    # Switches and rules.
    KILL_SWITCH_ON = "control:kill_switch:on"
    KILL_SWITCH_OFF = "control:kill_switch:off"
    BREAK_GLASS_BEGUN = "break_glass:limits:begun"
    BREAK_GLASS_CONFIRMED = "break_glass:limits:confirmed"
    BREAK_GLASS_ENDED = "break_glass:limits:ended"
    BREAK_GLASS_REFUSED = "break_glass:limits:refused"
    """Somebody was refused a part in it."""
    BREAK_GLASS_USED = "approval:break_glass:used"
    """An execution gets past a limit by it."""
    POLICY_PROPOSED = "policy:version:proposed"
    POLICY_SIGNED = "policy:version:signed"
    POLICY_ACTIVATED = "policy:version:activated"
    POLICY_REFUSED = "policy:version:refused"

    # What was tried and refused.
    TAMPERING_REQUEST = "tampering:request:refused"
    """What the approval says is not what was signed."""
    TAMPERING_SIGNATURE = "tampering:signature:refused"
    TAMPERING_PLAN = "tampering:plan:refused"
    """The plan cannot come of the signed operation, or its MAC is wrong."""
    TAMPERING_JOURNAL = "tampering:journal:refused"
    TAMPERING_POLICY = "tampering:policy:refused"
    TAMPERING_RESULT = "tampering:result:refused"
    """A stored result of Prefect's was to be read, which may run code."""
    TAMPERING_APPROVAL_KEY = "tampering:approval_key:refused"
    """A key of gate 5 was not written by an executor."""
    TAMPERING_ACCESS = "tampering:access:refused"
    """The record of a token, a code or a session is not as it was made."""
    TAMPERING_WEBHOOK = "tampering:webhook:refused"
    """The record of a webhook or a source is not as it was made, or a sealed row is not as it was sealed."""
    TAMPERING_CHAT = "tampering:chat:refused"
    """The record of a message in a chat or of a click is not as it was made."""
    TAMPERING_BREAK_GLASS = "tampering:break_glass:refused"
    """The record of a break-glass is not as it was made."""
    TAMPERING_FOUND = "tampering:records:found"
    """`audit verify` or doctor found records changed."""
    ENTRYPOINT_REFUSED = "worker:entrypoint:refused"
    DEPLOYMENT_REFUSED = "worker:deployment:refused"
    """It brings more than an entrypoint: a pull step, a storage block, job variables."""
    BLOCK_REFUSED = "worker:block:refused"
    """It would have the worker run a program, give a file away or believe a stranger."""
    SIGNATURE_REFUSED = "approval:signature:refused"
    """It would not count, so it is not on record."""
    EXECUTION_REFUSED = "execution:start:refused"
    """What was approved is not believed as it stands: too few signatures count, or it is for another place."""
    ACCESS_REFUSED = "access:request:refused"
    """Secrets would have been shown, or an address reached that is closed."""

    # Who gets in.
    TOKEN_MADE = "access:token:made"  # noqa: S105
    TOKEN_REVOKED = "access:token:revoked"  # noqa: S105
    LOGIN_OFFERED = "access:login:offered"
    SESSION_BEGUN = "access:session:begun"
    SESSION_ENDED = "access:session:ended"
    LOGIN_REFUSED = "access:login:refused"
    """A token, a code or a session that is known here was shown and does not count."""
    ROLE_REFUSED = "access:role:refused"
    """Somebody who is known asked for what the policy gives them no role for."""

    # Who is told of what happens, and who asks by signed requests.
    WEBHOOK_ADDED = "webhook:address:added"
    WEBHOOK_ROTATED = "webhook:secret:rotated"
    WEBHOOK_ENABLED = "webhook:address:enabled"
    WEBHOOK_DISABLED = "webhook:address:disabled"
    """Its receiver has answered that it is gone."""
    WEBHOOK_REMOVED = "webhook:address:removed"
    WEBHOOK_TESTED = "webhook:test:asked"
    """It is what is sent, to the one webhook that it names."""
    WEBHOOK_REPLAYED = "webhook:event:replayed"
    """It stands for the older event that it names, for the one webhook that it names."""
    WEBHOOK_REWOUND = "webhook:position:rewound"
    SOURCE_MADE = "webhook:source:made"
    SOURCE_ENDED = "webhook:source:ended"
    SIGNED_REQUEST_REFUSED = "webhook:request:refused"
    """A request that came in the name of a known source does not count, or asks for what cannot be done."""

    # Clicks in chats. One that counts is a signature, and told as one.
    CLICK_REFUSED = "chat:click:refused"
    """A service has told it, and it does not count."""

    # The audit and the installation itself.
    RECORD_ADOPTED = "audit:record:adopted"
    """The record is older than the audit."""
    ARCHIVE_WRITTEN = "archive:file:written"
    """Rows of a closed month are in the file that it names, with its hash, and leave the tables."""
    KEY_ROTATED = "audit:key:rotated"
    """Another key seals from here on; the note that both have signed is in the row."""
    SEAL_RESUMED = "audit:seal:resumed"
    """The sealer goes on after the records were restored from a copy older than the saved head."""
    SECURITY_CHECKED = "doctor:security:checked"

    @property
    def source(self) -> str:
        """The part before the first colon."""
        return self.value.split(":", 1)[0]

    def sentence(self, *, language: str | None = None) -> str:
        """Return what happened, for people."""
        return text(f"audit_event.{self.value.replace(':', '_')}", language=language)
