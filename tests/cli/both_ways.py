"""The same command on the records and over the API, on one installation."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from blocks import KubernetesCluster
from countersign.cli.opened import open_for_commands
from countersign.policy.access import Kind
from countersign.policy.roles import Role, RoleGrant
from countersign.private_files import write_private
from countersign.settings import settings
from countersign.web.app import create_app
from tests.cli.conftest import Run
from tests.execution.conftest import Office
from tests.web.conftest import House
from tests.web.records import Furnished, furnished
from tests.web.test_api_document import serving

ME = "grace"
GRANTS = (
    RoleGrant(roles=tuple(Role), subjects=(ME,)),
    RoleGrant(roles=(Role.VIEWER,), subjects=("victor",)),
    RoleGrant(roles=(Role.REQUESTER, Role.APPROVER), subjects=("paul",), namespaces=("prod",)),
)
# What is new with every run, or goes on while the second one is asked.
PASSING = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"\b[0-9a-f]{8}\b"), "SHORT"),
    (re.compile(r"\b[0-9a-f]{32,64}\b"), "HASH"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?"), "TIME"),
    (re.compile(r'("?age_seconds"?: )\d+'), r"\1AGE"),
    (re.compile(r"\b\d+ (s|min)\b"), "AGE"),
    (re.compile(r"\b\d+(\.\d+)?( ms|ms)\b"), "DURATION"),
    (re.compile(r" +"), " "),
)
Ended = tuple[int, str, str]


def lasting(ended: Ended) -> Ended:
    """Return what a command said without what passes."""
    code, *said = ended
    for pattern, word in PASSING:
        said = [pattern.sub(word, each) for each in said]
    return code, said[0], said[1]


@dataclass(frozen=True)
class BothWays:
    """Runs commands of one person."""

    rooms: Furnished
    run: Run
    server: str
    folder: Path

    def records(self, *words: str) -> Ended:
        """Run a command on the records."""
        return self.run.ended(*words)

    def api(self, *words: str, by: str = ME) -> Ended:
        """Run a command over the API, with a token of `by`."""
        return self.run.ended("--server", self.server, "--token-file", str(self.token_file(by)), *words)

    def token_file(self, subject: str) -> Path:
        """Return a file with a token of `subject`."""
        file = self.folder / f"{subject}.token"
        if not file.exists():
            write_private(file, self.rooms.house.token(subject, kind=Kind.PERSON) + "\n")
        return file

    def key_file(self, name: str) -> Path:
        """Return the file of somebody's private key."""
        key = self.rooms.house.office.household.keys[name]
        file = self.folder / f"{name}.key"
        write_private(file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
        return file


@pytest.fixture
def both(
    office: Office, run: Run, tmp_path: Path, prefect_everywhere: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BothWays]:
    """An installation in which something of each kind has happened, and its API on loopback."""
    grants = [each.model_dump(mode="json", exclude_defaults=True) for each in GRANTS]
    household = replace(office.household, policy=office.household.policy + yaml.safe_dump({"roles": grants}))
    rooms = furnished(replace(office, household=household), tmp_path, roles=GRANTS)
    KubernetesCluster(cluster_name="sandbox", kubeconfig=office.cluster.kubeconfig).save("both-ways", overwrite=True)
    monkeypatch.setenv("COUNTERSIGN_CLUSTER_BLOCK", "both-ways")
    monkeypatch.setenv("COUNTERSIGN_TRUST_DIR", str(tmp_path / "trust"))
    monkeypatch.setenv("LOGNAME", ME)
    settings.cache_clear()
    services = open_for_commands()

    async def opened() -> object:
        return services

    app = create_app(opened, services.settings)
    rooms = replace(rooms, house=House(app, replace(rooms.house.office, services=services)))
    with serving(app) as address:
        yield BothWays(rooms, run, address, tmp_path)
