"""The named points that a run passes (`Run.at`), each of which is a moment to lose something at.

A point that is added here is played by both matrices: lost processes and lost servers.
"""

STEP_POINTS: tuple[str, ...] = ()
"""After the outcome, one for each post-execution step that tells of itself."""
BEFORE_THE_OUTCOME = ("claimed", "planned", "intent", "sent", "answered")
POINTS = (*BEFORE_THE_OUTCOME, "settled", *STEP_POINTS)
