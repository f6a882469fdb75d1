"""Take back what made the target worse: only by policy, only by the planned inverse, only what nobody touched."""

from countersign.aftermath.rollback.step import roll_back

__all__ = ["roll_back"]
