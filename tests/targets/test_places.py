"""Where a server has a kind, from what its discovery says."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from countersign.errors import PermanentTargetError
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.kinds import list_path


class Discovery:
    """The answers of a server's discovery for the group batch."""

    def __init__(self, **versions: list[str]) -> None:
        self._versions = versions

    def versions(self, group: str) -> tuple[str, ...]:
        return tuple(self._versions) if group == "batch" else ()

    def resources(self, group: str, version: str) -> tuple[Mapping[str, Any], ...]:
        return tuple({"name": name} for name in self._versions[version])

    def rediscover(self) -> bool:
        return False


OLD = Discovery(v1=["jobs"], v1beta1=["cronjobs"])
"""Kubernetes 1.20."""
OLD_WITHOUT_BETA = Discovery(v1=["jobs"])
"""The same with --runtime-config=batch/v1beta1=false."""
NEW = Discovery(v1=["cronjobs", "jobs"])
BETWEEN = Discovery(v1=["cronjobs", "jobs"], v1beta1=["cronjobs"])


def place(server: Discovery, version: str | None = None) -> str:
    return list_path(cast("Connection", server), "CronJob", "prod", version=version)


@pytest.mark.parametrize(
    ("server", "asked", "version"),
    [
        (OLD, None, "v1beta1"),
        (OLD, "v1beta1", "v1beta1"),
        (NEW, None, "v1"),
        (NEW, "v1", "v1"),
        (BETWEEN, None, "v1"),
        (BETWEEN, "v1beta1", "v1beta1"),
    ],
)
def test_a_cronjob_is_where_discovery_has_it(server: Discovery, asked: str | None, version: str) -> None:
    assert place(server, asked) == f"/apis/batch/{version}/namespaces/prod/cronjobs"


SENTENCE = r"no CronJob in batch/v1: CronJobs need Kubernetes 1\.21"


def test_a_server_that_has_them_elsewhere_or_nowhere_is_told_in_a_sentence() -> None:
    with pytest.raises(PermanentTargetError, match=SENTENCE) as caught:
        place(OLD, "v1")
    assert "batch/v1beta1" in str(caught.value.hint)
    with pytest.raises(PermanentTargetError, match=SENTENCE) as caught:
        place(OLD_WITHOUT_BETA)
    assert caught.value.hint is None
