"""Closed months move from the tables to files: written, read back, put on record, and only then gone from the tables.

`files` is what lies there, `moving` does it, `reading` shows and verifies it.
"""
