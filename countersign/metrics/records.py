"""What the records say at the moment: read by the web process when it is asked, at most once in some seconds.

Every web process reads the same, so a query takes max() over them. Counts stop at 10 000: more is the same problem.
"""

from typing import Final

from countersign.metrics.family import Label, Read, of

UP: Final = Read("countersign_records_up", "1 where the records can be read; else 0, and all others are absent.")
APPROVALS: Final = Read(
    "countersign_approvals",
    "Open approvals by status.",
    of("status", ("pending", "approved", "executing")),
)
OLDEST_PENDING: Final = Read(
    "countersign_approvals_oldest_pending_seconds", "Age of the oldest approval that lacks signatures; 0 without one."
)
DUE: Final = Read(
    "countersign_approvals_due", "Approvals whose time has come and that nobody has claimed: what is in the queue."
)
OLDEST_DUE: Final = Read(
    "countersign_approvals_oldest_due_seconds",
    "For how long the first approval in the queue has been due; 0 without one.",
)
SILENT: Final = Read(
    "countersign_executions_silent",
    "Executions whose owner's lease has been over for two minutes, and nobody has taken over.",
)
UNKNOWN: Final = Read(
    "countersign_executions_unknown", "Executions of which nobody can tell whether they took effect."
)
STEPS_DUE: Final = Read("countersign_steps_due", "Steps after executions that may begin and that nobody runs.")
OLDEST_STEP: Final = Read(
    "countersign_steps_oldest_due_seconds", "For how long the first of the due steps has been due; 0 without one."
)
DEAD_LETTERS: Final = Read(
    "countersign_dead_letters",
    "Steps that used up their attempts: replayed by itself, or by_hand alone.",
    of("replay", ("by_itself", "by_hand")),
)
UNSEALED: Final = Read("countersign_audit_unsealed_rows", "Rows of the audit that are not sealed yet.")
OLDEST_UNSEALED: Final = Read(
    "countersign_audit_oldest_unsealed_seconds",
    "Age of the oldest row of the audit that is not sealed; 0 without one.",
)
WEBHOOKS_BEHIND: Final = Read(
    "countersign_webhooks_behind", "Webhooks that have not been told of everything that is sealed."
)
OLDEST_EVENT: Final = Read(
    "countersign_webhooks_oldest_event_seconds",
    "Age of the oldest event that a webhook is still to be told of; 0 without one.",
)
INCIDENTS: Final = Read("countersign_incidents_open", "Incidents that are neither resolved nor closed.")
KILL_SWITCH: Final = Read("countersign_kill_switch_on", "1 while the kill switch is on.")
POLICY: Final = Read("countersign_policy_versions_to_sign", "Versions of the policy after the one in force.")
RECONCILED: Final = Read(
    "countersign_reconciliation_age_seconds", "Time since the last round of reconciliation; absent before the first."
)
FOUND: Final = Read(
    "countersign_reconciliation_found_total",
    "What rounds of reconciliation found, by part.",
    Label("part", most=30),
    kind="counter",
)
RESOLUTIONS: Final = Read(
    "countersign_resolutions_total",
    "What became of looking for an action's objects: found as named, found by a name that was surely meant, not "
    "there, or the target could not be asked. All workers together.",
    of("result", ("hit", "suggestion", "miss", "error")),
    kind="counter",
)
