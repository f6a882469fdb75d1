"""Clients of the HTTP API, many at once, while the processes that answer and execute are killed at random."""
