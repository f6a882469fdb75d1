"""Hosts as a target: named tools over SSH, every call through a gateway with five gates."""
