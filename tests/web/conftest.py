"""The web application on real records and a sandbox cluster, and people and programs who ask it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import prefect.context
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prefect.settings import PREFECT_API_URL, temporary_settings

from countersign.execution.access import Method, begin_session, make_token
from countersign.execution.plan_seal import read_seal
from countersign.execution.services import Services
from countersign.policy.access import Identity, Kind
from countersign.policy.document import Policy
from countersign.policy.roles import Role, RoleGrant
from countersign.records.database.engine import transaction
from countersign.settings import Settings
from countersign.web.acting import COOKIE, Doors, csrf_of
from countersign.web.app import create_app
from countersign.web.limits import Lockout, Pace
from countersign.web.services import ServiceSource
from tests.execution.conftest import Office, cluster, household, office, running_cluster
from tests.planted import plant

__all__ = ["cluster", "household", "office", "running_cluster"]
# Cookies that are only for encrypted connections are kept by the client for such an address alone.
ADDRESS = "https://countersign.example"
ROLES = (
    RoleGrant(roles=(Role.REQUESTER,), subjects=("carol",)),
    RoleGrant(roles=(Role.APPROVER,), subjects=("alice", "bob")),
    RoleGrant(roles=(Role.EXECUTOR,), subjects=("eve",)),
    RoleGrant(roles=(Role.VIEWER,), subjects=("victor",)),
    RoleGrant(roles=(Role.POLICY_ADMIN,), subjects=("ann",)),
    RoleGrant(roles=(Role.AUDITOR,), subjects=("otto",)),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz-examples", type=int, default=None, help="for each address and phase (make fuzz)")


@dataclass(frozen=True)
class House:
    """The application, and a way in for everybody."""

    app: FastAPI
    office: Office

    @property
    def services(self) -> Services:
        """What the application works with."""
        return self.office.services

    def token(self, subject: str, *, roles: tuple[Role, ...] = (), kind: Kind = Kind.MACHINE) -> str:
        """Return a new token of `subject`."""
        with transaction(self.services.engine) as session:
            made = make_token(
                session,
                self.services.seal,
                subject=subject,
                kind=kind,
                roles=roles,
                life=timedelta(days=1),
                by="the test",
            )
        return plant(made.secret.get_secret_value())

    def client(self, subject: str | None = None, **limits: Any) -> TestClient:
        """Return a client that shows a token of `subject`, or nothing."""
        headers: Mapping[str, str] = {"Authorization": f"Bearer {self.token(subject, **limits)}"} if subject else {}
        return TestClient(self.app, base_url=ADDRESS, headers=headers, raise_server_exceptions=False)

    def browser(self, subject: str, *, groups: frozenset[str] = frozenset()) -> "Browser":
        """Return a client in which `subject` is logged in."""
        with transaction(self.services.engine) as session:
            shown = begin_session(session, self.services.seal, Identity(subject, groups=groups), method=Method.CODE)
        plant(shown.secret.get_secret_value())
        client = TestClient(self.app, base_url=ADDRESS, raise_server_exceptions=False)
        client.cookies.set(COOKIE, shown.secret.get_secret_value(), domain="countersign.example")
        return Browser(client, csrf_of(shown.secret), shown.id)


@dataclass(frozen=True)
class Browser:
    """A person who is logged in."""

    client: TestClient
    csrf: str
    session_id: UUID


def with_roles(policy: Policy, roles: tuple[RoleGrant, ...] = ROLES) -> Policy:
    """Return the policy with grants."""
    return policy.model_copy(update={"roles": roles})


def house_of(
    office: Office, roles: tuple[RoleGrant, ...] = ROLES, *, app: FastAPI | None = None, **settings: Any
) -> House:
    """Return the application over `office`: a new one, or one that was made before, which takes a while."""
    policy = with_roles(office.services.policy, roles)
    office = office.with_policy(policy).with_settings(**settings)
    services = replace(office.services, mark_of=lambda _policy: None)

    async def opened() -> Services:
        return services

    if app is None:
        app = create_app(opened, services.settings)
    else:
        pace = Pace(services.settings.web_requests_per_minute)
        app.state.doors = Doors(ServiceSource(opened), pace, Lockout())
    return House(app, replace(office, services=services))


@pytest.fixture
def prefect_everywhere(prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test's Prefect server, in the application's threads too."""
    monkeypatch.setattr(prefect.context, "GLOBAL_SETTINGS_CONTEXT", prefect.context.get_settings_context())
    return prefect_api


@pytest.fixture
def prefect_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Prefect server that nobody reaches."""
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        monkeypatch.setattr(prefect.context, "GLOBAL_SETTINGS_CONTEXT", prefect.context.get_settings_context())
        yield


@pytest.fixture
def house(office: Office) -> Iterator[House]:
    """The application."""
    assert read_seal(office.services.settings.trust_dir)
    found = house_of(office)
    yield found
    found.app.state.changes.close()


def settings_with(**changes: Any) -> Settings:
    """Return settings."""
    return Settings(**changes)
