"""Lost answers, killed commands and takeovers: one effect, and the truth about it."""

import pytest

from countersign.errors import AmbiguousTargetError, PreconditionFailed, TransientTargetError
from countersign.targets.hosts.audit import AuditRecord, Decision
from countersign.targets.hosts.gateway import Gateway
from countersign.targets.hosts.ssh import Sessions
from countersign.targets.hosts.target import HostTarget
from countersign.targets.model import Landed
from tests.intents import apply
from tests.targets_hosts.conftest import CALLER, RULES, World

CASES: list[tuple[str, dict[str, str], tuple[str, ...]]] = [
    ("ssh_docker_restart", {"container": "web"}, ("docker", "restart")),
    ("ssh_docker_compose_restart", {"project": "shop", "service": "cart"}, ("docker", "compose")),
    ("ssh_systemctl_restart", {"unit": "nginx"}, ("systemctl", "restart")),
    ("ssh_clear_docker_logs", {"container": "web"}, ("truncate",)),
    ("ssh_renew_ssl", {"cert_name": "example.org"}, ("certbot", "renew")),
    ("ssh_reload_nginx", {}, ("nginx", "-s")),
    ("ssh_docker_prune", {"what": "volumes", "all": "false"}, ("docker", "volume", "prune")),
]
names = [case[0] for case in CASES]


@pytest.mark.parametrize(("tool", "parameters", "argv"), CASES, ids=names)
def test_an_effect_whose_answer_was_lost_is_seen_to_have_landed(
    world: World, tool: str, parameters: dict[str, str], argv: tuple[str, ...]
) -> None:
    target = world.target()
    plan = world.plan(tool, target, **parameters)
    world.host.fault("cut", *argv, when="after")
    with pytest.raises(AmbiguousTargetError):
        apply(target, plan, plan.steps[0])
    done = world.host.effects
    # Another worker, with nothing but the stored plan and connections of its own.
    with Sessions(world.sessions.fleet) as sessions:
        world.sessions = sessions
        assert world.target().inspect(plan, plan.steps[0]).landed is Landed.YES
    assert world.host.effects == done != ()


@pytest.mark.parametrize(("tool", "parameters", "argv"), CASES, ids=names)
def test_a_command_killed_before_its_effect_is_seen_not_to_have_landed(
    world: World, tool: str, parameters: dict[str, str], argv: tuple[str, ...]
) -> None:
    target = world.target()
    plan = world.plan(tool, target, **parameters)
    world.host.fault("die", *argv)
    with pytest.raises(AmbiguousTargetError):
        apply(target, plan, plan.steps[0])
    assert target.inspect(plan, plan.steps[0]).landed is Landed.NO
    assert world.host.effects == ()
    # So it may be sent again, with a key of its own.
    apply(target, plan, plan.steps[0])
    assert target.inspect(plan, plan.steps[0]).landed is Landed.YES


def test_a_command_that_outlives_its_connection_is_waited_for(world: World) -> None:
    """The connection breaks while the command is still before its effect: "no" would be a second restart."""
    target = world.target()
    plan = world.plan("ssh_docker_restart", target, container="web")
    world.host.fault("cut", "docker", "restart", seconds=1)
    with pytest.raises(AmbiguousTargetError):
        apply(target, plan, plan.steps[0])
    assert target.inspect(plan, plan.steps[0]).landed is Landed.YES
    assert world.host.effects == ("restart web",)


def test_a_hanging_command_leaves_no_process_and_no_effect(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("countersign.targets.hosts.tools.docker_restart.LIMIT", 1)
    target = world.target()
    plan = world.plan("ssh_docker_restart", target, container="web")
    world.host.fault("hang", "docker", "restart")
    with pytest.raises(AmbiguousTargetError, match="time limit"):
        apply(target, plan, plan.steps[0])
    assert target.inspect(plan, plan.steps[0]).landed is Landed.NO
    assert [call.argv for call in world.host.running] == []
    assert world.host.effects == ()


def test_a_failure_for_now_is_looked_into_before_it_is_repeated(world: World) -> None:
    target = world.target()
    plan = world.plan("ssh_docker_restart", target, container="web")
    world.host.fault("fail", "docker", "restart", code=1, message="dial unix docker.sock: connection refused")
    with pytest.raises(AmbiguousTargetError, match="connection refused"):
        apply(target, plan, plan.steps[0])
    assert target.inspect(plan, plan.steps[0]).landed is Landed.NO


def test_reading_through_a_lost_connection_is_safe_to_repeat(world: World) -> None:
    target = world.target()
    world.host.fault("cut", "docker", "container", "inspect")
    with pytest.raises(TransientTargetError):
        world.plan("ssh_docker_restart", target, container="web")
    assert world.plan("ssh_docker_restart", target, container="web").steps


def test_a_worker_paused_between_comparing_and_sending_sends_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = world.target()
    plan = world.plan("ssh_docker_restart", target, container="web")
    monkeypatch.setattr("countersign.targets.hosts.target.FRESH_SECONDS", -1)
    with pytest.raises(TransientTargetError, match="Too much time"):
        apply(target, plan, plan.steps[0])
    assert world.host.effects == ()
    assert world.decisions[-1][:2] == ("apply", "failed")


def test_the_comparison_is_the_last_thing_before_sending(world: World) -> None:
    """A worker that was overtaken after its key was consumed still sees the other's effect."""
    first, second = world.target(), world.target(issue=False)
    plan = world.plan("ssh_systemctl_restart", first, unit="nginx")

    def overtaken(record: AuditRecord) -> None:
        if record.decision is Decision.ALLOWED and not world.host.effects:
            world.keys.write(second.binding(plan, plan.steps[0]))
            apply(second, plan, plan.steps[0])

    paused = HostTarget(
        sessions=world.sessions,
        gateway=Gateway(rules=RULES, audit=overtaken, keys=world.keys),
        caller=CALLER,
        issue=world.keys.write,
    )
    with pytest.raises(PreconditionFailed):
        apply(paused, plan, plan.steps[0])
    assert world.host.effects == ("restart nginx.service",)
