"""The compose file: what a reader of the specification would find wrong, and what we promise of it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from countersign.settings import Settings

PROJECT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "deployments" / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("countersign:")}


def test_every_part_is_there() -> None:
    assert set(OURS) == {"server", "migrate", "register", "worker", "web", "archive"}


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_names_is_declared(name: str) -> None:
    service = SERVICES[name]
    assert set(service.get("depends_on", {})) <= set(SERVICES)
    assert set(service["networks"]) <= set(COMPOSE["networks"])
    assert {volume.partition(":")[0] for volume in service.get("volumes", ())} <= set(COMPOSE["volumes"])
    assert re.fullmatch(r"[a-z/]+:[0-9a-z.-]+", service["image"]), "a fixed version, from no host"


@pytest.mark.parametrize("name", OURS)
def test_our_processes_are_confined(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    known = {f"COUNTERSIGN_{field.upper()}" for field in Settings.model_fields}
    assert {key for key in service["environment"] if key.startswith("COUNTERSIGN_")} <= known


def test_no_secret_is_written_here_and_none_is_optional() -> None:
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|AUTH|DATABASE", key):
                assert re.search(r"\$\{\w+:\?", value), key


def test_prefects_pages_ask_who_is_there_and_are_on_this_machine_alone() -> None:
    server = SERVICES["server"]
    assert server["environment"]["PREFECT_SERVER_API_AUTH_STRING"] == server["environment"]["PREFECT_API_AUTH_STRING"]
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert sorted(published) == ["127.0.0.1:4200:4200", "127.0.0.1:8080:8080"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}
