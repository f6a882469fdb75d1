"""Runners of the steps after an execution are lost: whoever comes next does the rest, and nothing twice."""
