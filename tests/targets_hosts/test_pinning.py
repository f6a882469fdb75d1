"""Pinning a host's key: shown, compared by a person, then kept in the block."""

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from countersign.cli import app
from countersign.cli.hosts import NotConfirmed, confirm
from countersign.errors import InvalidInput, TransientTargetError
from countersign.sandbox.hosts.host import SandboxHost
from countersign.sandbox.hosts.keys import new_key
from countersign.sandbox.hosts.ports import free_port
from countersign.targets.hosts.host_keys import fingerprint, shown_host_key


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
def test_a_confirmed_key_is_kept_in_the_block_and_a_refused_one_is_not(standin: SandboxHost) -> None:
    from prefect.testing.utilities import prefect_test_harness  # noqa: PLC0415 - two seconds for one test

    from blocks.ssh_hosts import SSHHost, SSHHosts  # noqa: PLC0415

    old = new_key().public
    with prefect_test_harness(server_startup_timeout=60):
        host = SSHHost(name="web-1", address="127.0.0.1", port=standin.port, host_keys=[old])
        SSHHosts(user=standin.user, private_key=standin.private_key, hosts=[host]).save("fleet")
        runner = CliRunner()

        refused = runner.invoke(app, ["hosts", "pin", "web-1", "--block", "fleet"], input="n\n")
        assert isinstance(refused.exception, NotConfirmed)
        assert SSHHosts.load("fleet").hosts[0].host_keys == [old]

        pinned = runner.invoke(app, ["hosts", "pin", "web-1", "--block", "fleet", "--replace"], input="y\n")
        assert pinned.exit_code == 0, pinned.output
        assert fingerprint(standin.host_key) in pinned.output
        assert SSHHosts.load("fleet").hosts[0].host_keys == [standin.host_key]

        checked = runner.invoke(app, ["hosts", "check", "--block", "fleet"])
        assert "all 1 hosts" in checked.output
