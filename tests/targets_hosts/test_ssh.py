"""What can go wrong with a connection or a command, on the stand-in server and on the real sshd."""

import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import paramiko
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from countersign.errors import (
    AmbiguousTargetError,
    ConfigurationError,
    CountersignError,
    GateRefused,
    PermanentTargetError,
    TransientTargetError,
)
from countersign.targets.hosts.fleet import FleetSettings, HostSettings
from countersign.targets.hosts.output import Output
from countersign.targets.hosts.ssh import Sessions
from sandbox.hosts.host import SandboxHost
from sandbox.hosts.keys import new_key
from sandbox.hosts.ports import free_port

Run = Callable[..., Output]


def attempt(host: HostSettings, *others: HostSettings, **changes: int) -> Output:
    fleet = FleetSettings("sandbox", (host, *others), **changes)
    with Sessions(fleet) as sessions:
        return sessions.run(host, ["uptime"], limit=5)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_command_answers_with_its_exit_code_and_both_streams(host: SandboxHost, run: Run) -> None:
    output = run("sh", "-c", "echo out; echo err >&2; exit 3")
    assert (output.exit_code, output.stdout, output.stderr, output.truncated) == (3, "out\n", "err\n", False)


def test_one_connection_serves_a_whole_run(host: SandboxHost, run: Run) -> None:
    for _ in range(5):
        run("true")
    assert host.wire.accepted == 1


def test_a_connection_that_died_between_two_commands_is_made_again(host: SandboxHost, run: Run) -> None:
    run("true")
    host.wire.cut()
    assert run("true").exit_code == 0
    assert host.wire.accepted == 2


def test_commands_at_once_share_the_connection(host: SandboxHost, run: Run) -> None:
    answers: list[str] = []
    threads = [threading.Thread(target=lambda n=n: answers.append(run("echo", str(n)).stdout)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [f"{n}\n" for n in range(8)]
    assert host.wire.accepted == 1


def test_no_more_commands_than_the_fleet_allows_run_on_a_host_at_once(host: SandboxHost, tmp_path: Path) -> None:
    host.fault("wait", "docker", until=str(tmp_path / "go on"), times=5)
    with Sessions(FleetSettings("sandbox", (host.settings(),), per_host=2)) as sessions:
        (web,) = sessions.fleet.hosts
        threads = [
            threading.Thread(target=sessions.run, args=(web, ["docker", "version"]), kwargs={"limit": 60})
            for _ in range(5)
        ]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(host.running) == 2)
        # A whole login and a command later, the other three would be there.
        attempt(host.settings())
        assert len(host.running) == 2
        (tmp_path / "go on").touch()
        for thread in threads:
            thread.join()
    assert sum(call.argv == ("docker", "version") for call in host.calls) == 5


def test_a_changed_host_key_is_refused_at_gate_3(host: SandboxHost) -> None:
    with pytest.raises(GateRefused) as caught:
        attempt(host.settings(host_keys=(new_key().public,)))
    assert (caught.value.gate, caught.value.gate_code) == (3, "host_key_changed")
    assert host.calls == ()


def test_a_host_without_a_pinned_key_is_refused_before_a_connection(host: SandboxHost) -> None:
    with pytest.raises(GateRefused) as caught:
        attempt(host.settings(host_keys=()))
    assert (caught.value.gate, caught.value.gate_code) == (3, "host_key_unknown")
    assert host.wire.accepted == 0


def test_during_a_change_of_keys_both_may_be_pinned(host: SandboxHost) -> None:
    assert attempt(host.settings(host_keys=(new_key().public, host.host_key))).exit_code == 0
    assert attempt(host.settings(host_keys=(host.host_key, new_key().public))).exit_code == 0


def test_a_host_without_a_key_of_a_pinned_kind_is_refused_at_gate_3(host: SandboxHost) -> None:
    key = paramiko.ECDSAKey.generate()
    with pytest.raises(GateRefused) as caught:
        attempt(host.settings(host_keys=(f"{key.get_name()} {key.get_base64()}",)))
    assert (caught.value.gate, caught.value.gate_code) == (3, "host_key_changed")


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-dss AAAA", "nonsense"])
def test_a_pinned_text_that_is_no_key_is_named(host: SandboxHost, line: str) -> None:
    with pytest.raises(ConfigurationError, match="host_keys of 'web-1': this is not a host key"):
        attempt(host.settings(host_keys=(line,)))


def test_a_private_key_in_the_place_of_a_host_key_is_not_repeated(host: SandboxHost) -> None:
    with pytest.raises(ConfigurationError) as caught:
        attempt(host.settings(host_keys=(host.private_key.get_secret_value(),)))
    assert "BEGIN" not in repr(caught.value)


def test_a_wrong_user_is_permanent(host: SandboxHost) -> None:
    with pytest.raises(PermanentTargetError, match="refuses the user 'nobody-here'"):
        attempt(host.settings(user="nobody-here"))


def test_a_wrong_key_is_permanent(host: SandboxHost) -> None:
    with pytest.raises(PermanentTargetError, match="with the configured key"):
        attempt(host.settings(private_key=SecretStr(new_key().private)))


def test_a_text_that_is_no_key_is_named_without_being_shown(host: SandboxHost) -> None:
    with pytest.raises(ConfigurationError) as caught:
        attempt(host.settings(private_key=SecretStr("hunter2")))
    assert "private_key of web-1" in caught.value.message
    assert "hunter2" not in repr(caught.value) + repr(host.settings(private_key=SecretStr("hunter2")))


def test_a_closed_port_is_transient(host: SandboxHost) -> None:
    with pytest.raises(TransientTargetError, match="connection refused"):
        attempt(host.settings(port=free_port()))


def test_an_address_that_cannot_be_resolved_is_transient(host: SandboxHost) -> None:
    with pytest.raises(TransientTargetError, match="cannot be resolved"):
        attempt(host.settings(address="host.invalid"))


@contextmanager
def silent_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_server_that_never_speaks_is_transient(host: SandboxHost) -> None:
    with silent_port() as port, pytest.raises(TransientTargetError):
        attempt(host.settings(port=port), connect_timeout=1, auth_timeout=1)


def test_a_command_that_hangs_is_ended_on_the_host_and_ambiguous(host: SandboxHost, run: Run) -> None:
    host.fault("hang", "docker")
    with pytest.raises(AmbiguousTargetError, match="time limit of 1 s"):
        run("docker", "restart", "web", limit=1)
    wait_for(lambda: host.running == ())
    assert host.effects == ()


def test_a_command_that_ignores_sigterm_is_killed_on_the_host(
    host: SandboxHost, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("countersign.targets.hosts.ssh.KILL_AFTER", 1)
    host.fault("stubborn", "docker")
    with pytest.raises(AmbiguousTargetError):
        run("docker", "restart", "web", limit=1)
    wait_for(lambda: host.running == ())


def test_a_command_that_was_killed_gives_no_exit_code_and_is_ambiguous(host: SandboxHost, run: Run) -> None:
    host.fault("die", "docker", when="after")
    with pytest.raises(AmbiguousTargetError):
        run("docker", "restart", "web")
    assert host.effects == ("restart web",)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_cut_after_sending_is_ambiguous_and_the_command_goes_on(
    host: SandboxHost, run: Run, when: str
) -> None:
    host.fault("cut", "docker", when="before" if when == "before" else "after")
    with pytest.raises(AmbiguousTargetError):
        run("docker", "restart", "web")
    wait_for(lambda: host.effects == ("restart web",))
    wait_for(lambda: host.running == ())


def test_a_server_that_stops_answering_ends_at_the_deadline(
    host: SandboxHost, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("countersign.targets.hosts.ssh.KILL_AFTER", 0)
    monkeypatch.setattr("countersign.targets.hosts.ssh.REPLY_MARGIN", 0)
    run("true")
    # Longer than the whole deadline: the host's own limit is not reached first.
    host.fault("slow", "docker", seconds=3.0)
    monkeypatch.setattr("countersign.targets.hosts.ssh.command_line", lambda argv, **rest: " ".join(argv))
    with pytest.raises(AmbiguousTargetError):
        run("docker", "ps", limit=1)


def test_100_mb_of_output_are_read_to_the_end_and_do_not_fill_the_memory(host: SandboxHost, run: Run) -> None:
    host.fault("flood", "docker", bytes=100_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    output = run("docker", "ps", "--all", limit=60)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert (output.exit_code, len(output.stdout), output.truncated) == (0, 256 * 1024, True)
    assert grown < 40_000_000


def test_a_process_left_in_the_background_does_not_hold_the_answer_back(host: SandboxHost, run: Run) -> None:
    output = run("sh", "-c", "sleep 9 & echo started", limit=10)
    assert output.stdout == "started\n"
    assert output.duration_ms < 9000


def test_a_command_that_ends_before_the_server_has_replied_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply that leaves late, as on a busy machine: the stand-in says that it runs it before anything else."""
    send = paramiko.Transport._send_user_message

    def late(transport: paramiko.Transport, message: paramiko.Message) -> None:
        if message.asbytes()[:1] == paramiko.common.cMSG_CHANNEL_SUCCESS:
            time.sleep(0.3)
        send(transport, message)

    monkeypatch.setattr(paramiko.Transport, "_send_user_message", late)
    with SandboxHost(server="standin") as host:
        assert attempt(host.settings()).exit_code == 0


@given(st.binary(max_size=300))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_output_of_any_bytes_survives(host: SandboxHost, run: Run, data: bytes) -> None:
    octal = "".join(f"\\{byte:03o}" for byte in data)
    output = run("printf", octal or "%s")
    assert output.stdout == data.decode("utf-8", errors="replace").replace("\x00", "\ufffd")
    output.stdout.encode("utf-8")


@given(
    st.lists(
        st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=30), max_size=4
    )
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_host_receives_the_argument_list_as_it_was_given(host: SandboxHost, run: Run, words: list[str]) -> None:
    run("uptime", *words)
    assert host.calls[-1].argv == ("uptime", *words)


def test_a_jump_host_is_gone_through_with_its_own_pinned_key(host: SandboxHost) -> None:
    with SandboxHost(name="jump", server="standin") as jump:
        inner = host.settings(jump="jump")
        assert attempt(inner, jump.settings()).exit_code == 0
        assert jump.wire.accepted == 1
        with pytest.raises(GateRefused):
            attempt(inner, jump.settings(host_keys=(new_key().public,)))


def test_no_connection_is_left_open_on_a_jump_host(host: SandboxHost) -> None:
    with SandboxHost(name="jump", server="standin") as jump:
        for behind in (host.settings(jump="jump"), host.settings(jump="jump", user="nobody-here")):
            with suppress(PermanentTargetError):
                attempt(behind, jump.settings())
            wait_for(lambda: jump.wire.open == 0)
            wait_for(lambda: host.wire.open == 0)
        assert jump.wire.accepted == 2


def test_jump_hosts_in_a_circle_are_refused_as_configuration(host: SandboxHost) -> None:
    with pytest.raises(ConfigurationError, match="circle"):
        FleetSettings("sandbox", (host.settings(name="a", jump="b"), host.settings(name="b", jump="a")))


def test_no_error_shows_the_private_key(host: SandboxHost) -> None:
    secret = host.private_key.get_secret_value().splitlines()[1]
    for changes in ({"port": free_port()}, {"user": "x"}, {"host_keys": ()}):
        with pytest.raises(CountersignError) as caught:
            attempt(host.settings(**changes))
        assert secret not in repr(caught.getrepr(showlocals=False))
