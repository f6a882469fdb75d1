"""Drills that take minutes and are not in the suite: what docs/operations.md says is done, and looked at."""
