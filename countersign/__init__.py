"""Countersign executes approved operational actions once and keeps a record that tells the truth about them."""

__version__ = "0.1.0"
