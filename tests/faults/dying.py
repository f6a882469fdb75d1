"""The process that dies: it executes an approval like any worker, and at one point gets a signal it cannot handle."""

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from pydantic import SecretStr

from countersign.errors import StaleFence
from countersign.execution.channels import Channels
from countersign.execution.clusters import NO_CLUSTERS, only
from countersign.execution.direct_run import execute
from countersign.execution.run import Run
from countersign.execution.services import Services
from countersign.policy.loading import load_policy
from countersign.records.database.engine import connect
from countersign.settings import Settings
from countersign.targets.hosts.fleet import FleetSettings
from countersign.targets.kubernetes.kubeconfig import ClusterSettings


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the records and the target are."""

    database_url: str
    policy: str
    """YAML."""
    kubeconfig: str | None = None
    fleet: FleetSettings | None = None
    redis_url: str | None = None
    channels: Channels | None = None
    more_settings: Mapping[str, object] = field(default_factory=dict)

    def services(self, *, lease_seconds: float) -> Services:
        """Return services that share nothing with any other but the database, Valkey and the target."""
        known = load_policy(self.policy)
        clusters = NO_CLUSTERS
        if self.kubeconfig is not None:
            clusters = only(ClusterSettings(name="sandbox", kubeconfig=SecretStr(self.kubeconfig)))
        return Services(
            settings=_settings(lease_seconds=lease_seconds, redis_url=self.redis_url, **self.more_settings),
            engine=connect(SecretStr(self.database_url), timeout=5),
            policy=known,
            reread_policy=lambda: known,
            clusters=clusters,
            fleet=self.fleet,
            channels=self.channels or Channels(),
        )


@dataclass(frozen=True, kw_only=True)
class Orders:
    """What the process executes and where it ends."""

    place: "Place"
    approval_id: str
    point: str | None
    """Prefix of a point's name ("intent", "planned"); None never gets the signal."""
    nth: int = 1
    """At which passing of it, counting from 1."""
    signal: int = signal.SIGKILL
    lease_seconds: float = 1.0


def _settings(*, lease_seconds: float, redis_url: str | None, **more: object) -> Settings:
    """Return settings under which little is waited for."""
    little: dict[str, object] = {
        "retry_delay_seconds": 0.05,
        "late_effect_seconds": 0.2,
        "request_timeout_seconds": 5,
        "follow_seconds": 60,
    }
    given = {**little, **more, "lease_seconds": lease_seconds, "redis_url": redis_url}
    return Settings.model_validate(given)


def execute_and_die(orders: Orders, told: Connection) -> None:
    """Execute as ordered. A process that lives to tell sends its outcome, and whether its late write was refused."""
    from uuid import UUID  # noqa: PLC0415

    passed = 0
    refused: list[bool] = []

    def at(point: str) -> None:
        nonlocal passed
        if orders.point is None or point.partition(":")[0] != orders.point:
            return
        passed += 1
        if passed == orders.nth:
            os.kill(os.getpid(), orders.signal)
            # Only a process that was stopped gets here, once it is continued.
            refused.append(_is_refused(run.extend_lease))

    run = Run(
        orders.place.services(lease_seconds=orders.lease_seconds),
        UUID(orders.approval_id),
        worker=f"dying:{os.getpid()}",
        at=at,
    )
    report = execute(run)
    told.send((report.outcome, refused))


def _is_refused(write: Callable[[], None]) -> bool:
    try:
        write()
    except StaleFence:
        return True
    return False
