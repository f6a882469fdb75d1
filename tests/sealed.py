"""A seal for tests that write plans and journals without a whole installation."""

from countersign.execution.plan_seal import Seal

SEAL = Seal(b"0" * 64)
