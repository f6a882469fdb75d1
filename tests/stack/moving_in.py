"""A household's blocks and policy in a running stack."""

import asyncio

from pydantic import SecretStr

from countersign.local.stack import Stack
from sandbox.demo.household import Household, move_in
from tests.stack.commands import in_environment


def moved_in(stack: Stack, household: Household, kubeconfig: str) -> None:
    """Save the block of the cluster with this kubeconfig, and put the household's policy in force."""
    with in_environment(stack.environment()):
        asyncio.run(move_in(household, SecretStr(kubeconfig)))
