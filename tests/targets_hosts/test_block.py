"""The SSHHosts block: its limits are the ones that a run works with."""

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from blocks.ssh_hosts import SSHHost, SSHHosts
from countersign.targets.hosts.fleet import FleetSettings, HostSettings
from sandbox.hosts.keys import new_key

HOST = SSHHost(name="web-1", host_keys=[new_key().public])
KEY = SecretStr(new_key().private)


def fleet(**fields: Any) -> FleetSettings:
    return SSHHosts(private_key=KEY, hosts=[HOST], **fields).settings()


def test_what_is_left_out_has_the_targets_own_default() -> None:
    made = fleet()
    (host,) = made.hosts
    assert made == FleetSettings("default", (host,))
    assert isinstance(host, HostSettings)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("connect_timeout", 1, 60),
        ("auth_timeout", 1, 60),
        ("output_limit", 4096, 16 * 1024 * 1024),
        ("linger_seconds", 0, 900),
        ("per_host", 1, 10),
    ],
)
def test_a_limit_reaches_the_target_and_is_refused_outside_its_bounds(name: str, least: int, most: int) -> None:
    assert [getattr(fleet(**{name: value}), name) for value in (least, most)] == [least, most]
    for value in (least - 1, most + 1):
        with pytest.raises(ValidationError, match=name):
            fleet(**{name: value})
