"""The named points that a run passes (`Run.at`, `run_step`), each of which is a moment to lose something at.

A point that is added here is played by the matrices: lost processes, lost servers, lost runners of steps.
"""

from countersign.records.states import StepName

BEFORE_THE_OUTCOME = ("claimed", "planned", "intent", "sent", "answered")
POINTS = (*BEFORE_THE_OUTCOME, "settled")
STEP_POINTS = tuple(f"{name} taken" for name in StepName)
"""After the outcome: a step is somebody's and has not done anything yet."""
