"""Benchmarks: each compares with what a user would pick instead, in one run, and prints ratios.

`make bench` runs them all; `python -m benchmarks.NAME --help` says what one takes.
"""
