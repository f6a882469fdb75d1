"""Finding the host that an action names: exactly, or by the one normalised name, or not at all."""

import pytest
from pydantic import SecretStr

from countersign.errors import ConfigurationError, TargetNotFound
from countersign.targets.hosts.fleet import FleetSettings, HostSettings, find_host


def host(name: str, address: str = "", **changes: object) -> HostSettings:
    facts = {
        "name": name,
        "address": address or name,
        "user": "deploy",
        "private_key": SecretStr("k"),
        "host_keys": (),
    }
    return HostSettings(**{**facts, **changes})  # type: ignore[arg-type]


FLEET = FleetSettings(
    "prod", (host("web-1", "10.0.0.1"), host("web-2", "web-2.example.org"), host("DB-1"), host("db-1b"))
)


@pytest.mark.parametrize(
    ("written", "name", "exact"),
    [
        ("web-1", "web-1", True),
        ("10.0.0.1", "web-1", True),
        ("web-2.example.org", "web-2", True),
        ("WEB_1", "web-1", False),
        ("web-2.example.org.", "web-2", False),
        ("db-1", "DB-1", False),
    ],
)
def test_a_host_is_found_by_name_address_or_the_one_normalised_name(written: str, name: str, exact: bool) -> None:
    found, is_exact = find_host(FLEET, written)
    assert (found.name, is_exact) == (name, exact)


@pytest.mark.parametrize(("written", "candidates"), [("web-3", ("web-2", "web-1")), ("payments", ())])
def test_a_host_is_never_guessed(written: str, candidates: tuple[str, ...]) -> None:
    with pytest.raises(TargetNotFound) as caught:
        find_host(FLEET, written)
    assert caught.value.candidates == candidates


def test_a_normalised_name_that_fits_two_hosts_is_refused() -> None:
    fleet = FleetSettings("prod", (host("web-1"), host("WEB-1")))
    with pytest.raises(TargetNotFound) as caught:
        find_host(fleet, "Web_1")
    assert caught.value.candidates == ("web-1", "WEB-1")


def test_an_address_of_two_hosts_is_refused_but_a_name_wins() -> None:
    fleet = FleetSettings(
        "prod", (host("a", "10.0.0.1"), host("b", "10.0.0.1"), host("10.0.0.2", "c"), host("d", "10.0.0.2"))
    )
    with pytest.raises(TargetNotFound):
        find_host(fleet, "10.0.0.1")
    assert find_host(fleet, "10.0.0.2")[0].name == "10.0.0.2"


def test_two_hosts_of_one_name_are_no_fleet() -> None:
    with pytest.raises(ConfigurationError, match="'web-1' is used twice"):
        FleetSettings("prod", (host("web-1"), host("web-1")))


def test_an_unknown_jump_host_is_no_fleet() -> None:
    with pytest.raises(ConfigurationError, match="'bastion'"):
        FleetSettings("prod", (host("web-1", jump="bastion"),))


def test_no_secret_is_shown_by_a_fleet() -> None:
    secret = host("web-1", private_key=SecretStr("topsecret"), passphrase=SecretStr("topsecret"))
    assert "topsecret" not in repr(FleetSettings("prod", (secret,))) + repr(secret)
