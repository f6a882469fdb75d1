"""The whole stack on one machine: `countersign up`, the demo and the tests."""

from countersign.sandbox.stack.addresses import Addresses
from countersign.sandbox.stack.stack import Part, Stack

__all__ = ["Addresses", "Part", "Stack"]
