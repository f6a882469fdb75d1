"""Which Kubernetes the API server is: probes of newer features hold from the version on that brought them."""

import re

import pytest

from tests.contract.api import Api


def minor(api: Api) -> int:
    """Return the 36 of Kubernetes 1.36."""
    found = re.match(r"\d+", api.get("/version").ok()["minor"])
    assert found
    return int(found.group())


def needs(api: Api, version: int) -> None:
    """Skip the probe on servers before Kubernetes 1.`version`."""
    if minor(api) < version:
        pytest.skip(f"Kubernetes 1.{version} brought this")
