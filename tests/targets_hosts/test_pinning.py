"""Pinning a host's key: shown, compared by a person, then kept in the block."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from countersign.cli import app
from countersign.cli.hosts import NotConfirmed, confirm
from countersign.errors import ConfigurationError, GateRefused, InvalidInput, NotFound, TransientTargetError
from countersign.private_files import write_private
from countersign.targets.hosts.host_keys import fingerprint
from countersign.targets.hosts.showing import shown_host_key
from sandbox.hosts.host import SandboxHost
from sandbox.hosts.keys import new_key
from sandbox.hosts.ports import free_port


@pytest.fixture(scope="module")
def standin() -> Iterator[SandboxHost]:
    with SandboxHost(server="standin") as host:
        yield host


def test_the_key_that_a_host_shows_is_read_without_logging_in(standin: SandboxHost) -> None:
    assert shown_host_key("127.0.0.1", standin.port, timeout=5) == standin.host_key
    assert fingerprint(standin.host_key).startswith("SHA256:")


def test_a_host_that_does_not_answer_shows_no_key() -> None:
    with pytest.raises(TransientTargetError, match="No SSH server shows a key"):
        shown_host_key("127.0.0.1", free_port(), timeout=1)


@pytest.fixture(scope="module")
def jump() -> Iterator[SandboxHost]:
    with SandboxHost(name="jump", server="standin") as host:
        yield host


def test_the_key_of_a_host_behind_a_jump_host_is_asked_for_through_it(
    standin: SandboxHost, jump: SandboxHost
) -> None:
    made = jump.wire.accepted
    assert shown_host_key("127.0.0.1", standin.port, timeout=5, jumps=[jump.settings()]) == standin.host_key
    assert jump.wire.accepted == made + 1
    with pytest.raises(TransientTargetError, match=r"shows a key at 127\.0\.0\.1:\d+, seen from jump"):
        shown_host_key("127.0.0.1", free_port(), timeout=5, jumps=[jump.settings()])


def test_a_jump_host_whose_key_changed_is_not_asked_through(standin: SandboxHost, jump: SandboxHost) -> None:
    reached = standin.wire.accepted
    with pytest.raises(GateRefused) as caught:
        shown_host_key("127.0.0.1", standin.port, timeout=5, jumps=[jump.settings(host_keys=(new_key().public,))])
    assert caught.value.gate_code == "host_key_changed"
    assert standin.wire.accepted == reached


def test_show_key_prints_the_line_for_the_block_and_the_fingerprint_beside_it(standin: SandboxHost) -> None:
    result = CliRunner().invoke(app, ["hosts", "show-key", "127.0.0.1", "--port", str(standin.port)])
    assert result.stdout == f"{standin.host_key}\n"
    assert fingerprint(standin.host_key) in result.stderr


def test_another_fingerprint_than_the_expected_one_is_not_pinned() -> None:
    mine, other = fingerprint(new_key().public), fingerprint(new_key().public)
    confirm("web-1", mine, expected=mine)
    with pytest.raises(NotConfirmed, match="nothing was pinned"):
        confirm("web-1", mine, expected=other)
    with pytest.raises(InvalidInput):
        confirm("web-1", mine, expected="MD5:aa:bb")


@pytest.mark.stack
def test_a_confirmed_key_is_kept_in_the_block_and_a_refused_one_is_not(
    prefect_api: str, standin: SandboxHost, jump: SandboxHost
) -> None:
    from prefect.types import SecretDict  # noqa: PLC0415 - Prefect takes two seconds to import

    from blocks.loading import load_block  # noqa: PLC0415
    from blocks.ssh_hosts import SSHHost, SSHHosts  # noqa: PLC0415

    old = new_key().public
    web = SSHHost(name="web-1", address="127.0.0.1", port=standin.port, host_keys=[old], jump="bastion")
    bastion = SSHHost(name="bastion", address="127.0.0.1", port=jump.port, host_keys=[jump.host_key])
    own = SecretDict({"bastion": jump.private_key.get_secret_value()})
    fleet = SSHHosts(user=standin.user, private_key=standin.private_key, private_keys=own, hosts=[web, bastion])
    asyncio.run(fleet.asave("fleet"))

    def pinned() -> list[str]:
        return asyncio.run(load_block(SSHHosts, "fleet")).hosts[0].host_keys

    def hosts(*words: str, answer: str = "") -> Result:
        return CliRunner().invoke(app, ["hosts", *words, "--block", "fleet"], input=answer)

    refused = hosts("pin", "web-1", answer="n\n")
    assert isinstance(refused.exception, NotConfirmed)
    assert pinned() == [old]

    made = jump.wire.accepted
    added = hosts("pin", "web-1", answer="y\n")
    assert added.exit_code == 0, added.output
    assert fingerprint(standin.host_key) in added.output
    assert jump.wire.accepted == made + 1
    assert pinned() == [old, standin.host_key]
    assert "is pinned already" in hosts("pin", "web-1").output
    assert hosts("pin", "web-1", "--replace", answer="y\n").exit_code == 0
    assert pinned() == [standin.host_key]

    shown = hosts("show-key", "127.0.0.1", "--port", str(standin.port), "--jump", "bastion")
    assert shown.stdout == f"{standin.host_key}\n"
    assert isinstance(hosts("show-key", "127.0.0.1", "--jump", "gate").exception, NotFound)
    assert "every host (2) shows its pinned key" in hosts("check").output

    # The jump host shows another key than its own: nothing is asked through it.
    fleet.hosts[1].host_keys = [old]
    asyncio.run(fleet.asave("fleet", overwrite=True))
    reached = standin.wire.accepted
    turned_away = hosts("pin", "web-1", "--fingerprint", fingerprint(standin.host_key))
    assert isinstance(turned_away.exception, GateRefused)
    assert standin.wire.accepted == reached


@pytest.mark.stack
def test_hosts_are_added_listed_checked_and_removed(
    prefect_api: str, standin: SandboxHost, jump: SandboxHost, tmp_path: Path
) -> None:
    def hosts(*words: str, answer: str = "") -> Result:
        return CliRunner().invoke(app, ["hosts", *words, "--block", "grown"], input=answer)

    keys = {}
    for host in (standin, jump):
        keys[host] = tmp_path / f"{host.port}"
        write_private(keys[host], host.private_key.get_secret_value())
    web = ("add", "web-1", "--address", "127.0.0.1", "--port", str(standin.port), "--user", standin.user)
    unconfirmed = hosts(*web, "--key", str(keys[standin]), answer="n\n")
    assert isinstance(unconfirmed.exception, NotConfirmed)
    trusted = ("--fingerprint", fingerprint(standin.host_key))
    assert "--key is needed" in str(hosts(*web, *trusted).exception)
    assert isinstance(hosts(*web, "--key", str(keys[jump]), *trusted).exception, ConfigurationError)
    assert isinstance(hosts("list").exception, ConfigurationError), "nothing was saved"

    added = hosts(*web, "--key", str(keys[standin]), *trusted)
    assert added.exit_code == 0, added.output
    assert "web-1 shows its pinned key and accepts the login" in added.output
    assert isinstance(hosts(*web, *trusted).exception, InvalidInput)
    beside = ("add", "bastion", "--address", "127.0.0.1", "--port", str(jump.port), "--user", jump.user)
    own = ("--key", str(keys[jump]), "--fingerprint", fingerprint(jump.host_key))
    assert hosts(*beside, *own).exit_code == 0
    behind = ("add", "web-2", "--address", "127.0.0.1", "--port", str(standin.port), "--user", standin.user)
    assert "there is no host 'gate'" in str(hosts(*behind, *trusted, "--jump", "gate").exception)
    through = hosts(*behind, *trusted, "--jump", "bastion", "--environment", "production", "--group", "web")
    assert through.exit_code == 0, through.output

    listed = json.loads(hosts("list", "--json").stdout)
    assert [(one["name"], one["jump"], one["environment"]) for one in listed] == [
        ("web-1", None, "default"),
        ("bastion", None, "default"),
        ("web-2", "bastion", "production"),
    ]
    assert standin.private_key.get_secret_value() not in hosts("list").output
    assert "web-2 shows its pinned key" in hosts("check", "web-2").output
    assert isinstance(hosts("check", "web-3").exception, NotFound)

    assert isinstance(hosts("remove", "web-1").exception, InvalidInput), "nobody confirmed"
    assert "jumps through 'bastion'" in str(hosts("remove", "bastion", "--yes").exception)
    for name in ("web-2", "bastion", "web-1"):
        assert hosts("remove", name, "--yes").exit_code == 0
    assert isinstance(hosts("list").exception, ConfigurationError), "with the last host its key is gone"
