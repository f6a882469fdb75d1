"""Connections between the phases of one run: used again, never for longer than said, never to another fleet."""

import time
from dataclasses import replace

import pytest

from countersign.targets.hosts import keeping
from countersign.targets.hosts.fleet import FleetSettings
from countersign.targets.hosts.keeping import KeptSessions
from sandbox.hosts.host import SandboxHost

PATIENCE = 60


def phase(kept: KeptSessions, fleet: FleetSettings) -> None:
    with kept.open(fleet) as sessions:
        sessions.run(fleet.hosts[0], ["true"], limit=10)


def wait_until_closed(host: SandboxHost) -> None:
    deadline = time.monotonic() + PATIENCE
    while host.wire.open and time.monotonic() < deadline:
        time.sleep(0.02)
    assert host.wire.open == 0


def test_a_phase_uses_the_connection_of_the_one_before(host: SandboxHost, fleet: FleetSettings) -> None:
    kept = KeptSessions()
    phase(kept, fleet)
    phase(kept, fleet)
    assert host.wire.accepted == 1
    kept.close()
    wait_until_closed(host)


def test_other_settings_another_error_and_time_end_it(
    host: SandboxHost, fleet: FleetSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = KeptSessions()
    phase(kept, fleet)
    phase(kept, replace(fleet, per_host=2))
    assert host.wire.accepted == 2
    with pytest.raises(ZeroDivisionError), kept.open(replace(fleet, per_host=2)):
        raise ZeroDivisionError
    wait_until_closed(host)
    monkeypatch.setattr(keeping, "KEPT_SECONDS", 0.05)
    phase(kept, fleet)
    wait_until_closed(host)
