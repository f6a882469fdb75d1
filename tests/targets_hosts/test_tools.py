"""Each of the eight tools, from the plan to the evidence, on the sandbox host."""

import json

import pytest

from countersign.errors import PermanentTargetError, PreconditionFailed, TargetNotFound
from countersign.targets.hosts.fleet import FleetSettings
from countersign.targets.hosts.keys import ApprovalKeys
from countersign.targets.hosts.ssh import Sessions
from countersign.targets.hosts.tools.model import Scope
from countersign.targets.hosts.tools.registry import TOOLS
from countersign.targets.model import Landed, Severity, plan_from_json
from sandbox.hosts.host import SandboxHost
from tests.intents import apply
from tests.targets_hosts.conftest import World

MUTATIONS: list[tuple[str, dict[str, str], list[str], list[tuple[str, ...]]]] = [
    ("ssh_docker_restart", {"container": "web"}, ["restart web"], [("docker", "restart", "web")]),
    (
        "ssh_docker_compose_restart",
        {"project": "shop", "service": "cart"},
        ["restart shop-cart-1", "restart shop-cart-2"],
        [("docker", "compose", "-p", "shop", "restart", "cart")],
    ),
    (
        "ssh_systemctl_restart",
        {"unit": "nginx"},
        ["restart nginx.service"],
        [("systemctl", "restart", "nginx.service")],
    ),
    ("ssh_clear_docker_logs", {"container": "web"}, ["truncate"], [("truncate", "--no-create", "--size=0")]),
    (
        "ssh_renew_ssl",
        {"cert_name": "example.org"},
        ["renew example.org"],
        [("certbot", "renew", "--cert-name", "example.org", "--non-interactive")],
    ),
    ("ssh_reload_nginx", {}, ["reload nginx"], [("nginx", "-s", "reload")]),
    (
        "ssh_docker_prune",
        {"what": "images", "all": "false"},
        ["prune image"],
        [("docker", "image", "prune", "--force")],
    ),
]


@pytest.mark.parametrize(("tool", "parameters", "effects", "calls"), MUTATIONS, ids=[case[0] for case in MUTATIONS])
def test_a_tool_has_its_effect_once_and_its_inspection_sees_it(
    world: World, tool: str, parameters: dict[str, str], effects: list[str], calls: list[tuple[str, ...]]
) -> None:
    target = world.target()
    plan = plan_from_json(json.loads(json.dumps(world.plan(tool, target, **parameters).to_json())))
    (step,) = plan.steps

    assert [one for one in target.preflight(plan) if one.severity is Severity.BLOCKING] == []
    assert target.inspect(plan, step).landed is Landed.NO
    assert world.host.effects == ()

    receipt = apply(target, plan, step)

    assert receipt.detail["landed"] == Landed.YES
    assert target.inspect(plan, step).landed is Landed.YES
    assert len(world.host.effects) == len(effects)
    assert all(seen.startswith(wanted) for seen, wanted in zip(world.host.effects, effects, strict=True))
    for wanted in calls:
        assert sum(call.argv[: len(wanted)] == wanted for call in world.host.calls) == 1

    # A late duplicate is refused by the comparison immediately before sending.
    with pytest.raises(PreconditionFailed):
        apply(target, plan, step)
    assert len(world.host.effects) == len(effects)

    (seen,) = target.observe(plan).objects.values()
    assert seen["healthy"] is True


def test_a_diagnosis_brings_every_part_and_changes_nothing(world: World) -> None:
    target = world.target()
    plan = world.plan("ssh_diagnose", target)
    receipt = apply(target, plan, plan.steps[0])
    answers = receipt.detail["commands"]
    assert [one["command"].split()[0] for one in answers] == [
        "uptime",
        "cat",
        "df",
        "free",
        "ps",
        "systemctl",
        "docker",
    ]
    assert all(one["exit_code"] == 0 for one in answers)
    assert world.host.effects == ()
    # Nothing remembers a diagnosis, so one whose answer was lost is asked for again.
    assert target.inspect(plan, plan.steps[0]).landed is Landed.NO


def test_a_diagnosis_goes_on_when_a_part_is_missing_on_the_host(world: World) -> None:
    world.host.fault("fail", "free", code=127, message="not here")
    target = world.target()
    plan = world.plan("ssh_diagnose", target)
    answers = apply(target, plan, plan.steps[0]).detail["commands"]
    assert [one["exit_code"] for one in answers] == [0, 0, 0, 127, 0, 0, 0]


@pytest.mark.parametrize(
    ("tool", "parameters", "candidates"),
    [
        ("ssh_docker_restart", {"container": "wep"}, ("web",)),
        ("ssh_systemctl_restart", {"unit": "order"}, ("orders",)),
        ("ssh_docker_compose_restart", {"project": "shop", "service": "basket"}, ()),
        ("ssh_renew_ssl", {"cert_name": "example.com"}, ()),
    ],
)
def test_what_does_not_exist_is_named_with_the_nearest_candidates(
    world: World, tool: str, parameters: dict[str, str], candidates: tuple[str, ...]
) -> None:
    with pytest.raises(TargetNotFound) as caught:
        world.plan(tool, **parameters)
    assert caught.value.candidates == candidates


def test_a_unit_that_fails_to_start_is_a_failure_that_says_it_took_effect(world: World) -> None:
    with world.host.state() as state:
        state["units"]["orders.service"]["breaks"] = True
    target = world.target()
    plan = world.plan("ssh_systemctl_restart", target, unit="orders.service")
    with pytest.raises(
        PermanentTargetError, match="InvocationID is another one than in the plan; the unit is failed"
    ):
        apply(target, plan, plan.steps[0])
    assert target.inspect(plan, plan.steps[0]).landed is Landed.YES
    (seen,) = target.observe(plan).objects.values()
    assert (seen["healthy"], seen["problem"]) == (False, "the unit orders.service is failed")


def test_a_restart_that_somebody_else_made_since_the_plan_is_not_repeated(world: World) -> None:
    target = world.target()
    plan = world.plan("ssh_docker_restart", target, container="web")
    with world.host.state() as state:
        state["containers"][0]["State"]["StartedAt"] = "2026-01-05T09:00:00Z"
    with pytest.raises(PreconditionFailed):
        apply(target, plan, plan.steps[0])
    assert world.host.effects == ()


def test_a_container_replaced_since_the_plan_is_left_alone(world: World) -> None:
    target = world.target()
    plan = world.plan("ssh_docker_restart", target, container="web")
    with world.host.state() as state:
        state["containers"][0]["Id"] = "f" * 64
    with pytest.raises(PermanentTargetError, match="replaced"):
        apply(target, plan, plan.steps[0])
    assert target.inspect(plan, plan.steps[0]).landed is Landed.UNCLEAR
    assert world.host.effects == ()


def test_one_of_two_containers_restarted_is_no_answer(world: World) -> None:
    target = world.target()
    plan = world.plan("ssh_docker_compose_restart", target, project="shop", service="cart")
    with world.host.state() as state:
        state["containers"][2]["State"]["StartedAt"] = "2026-01-05T09:00:00Z"
    assert target.inspect(plan, plan.steps[0]).landed is Landed.UNCLEAR


def test_a_prune_lists_what_would_go_and_stops_when_the_list_has_grown(world: World) -> None:
    target = world.target()
    plan = world.plan("ssh_docker_prune", target, what="images", all="false")
    assert len(plan.steps[0].before["would_go"]) == 2
    assert [one.code for one in target.preflight(plan)] == ["prune_list"]
    with world.host.state() as state:
        state["images"].append({"ID": "sha256:" + "a" * 64, "Size": "1MB", "dangling": True})
    with pytest.raises(PermanentTargetError, match="1 more objects would go"):
        apply(target, plan, plan.steps[0])
    assert world.host.effects == ()


@pytest.mark.parametrize(
    ("what", "all_", "kinds"),
    [
        ("images", "false", ["image", "image"]),
        ("images", "true", ["image", "image", "image"]),
        ("volumes", "false", ["volume"]),
        ("volumes", "true", ["volume", "volume"]),
        ("system", "false", ["container", "image", "image"]),
    ],
)
def test_a_prune_removes_exactly_what_its_plan_lists(world: World, what: str, all_: str, kinds: list[str]) -> None:
    with world.host.state() as state:
        state["containers"][0]["State"] = {"Status": "exited", "Running": False, "StartedAt": "2026-01-05T08:00:00Z"}
    target = world.target()
    plan = world.plan("ssh_docker_prune", target, what=what, all=all_)
    assert [line.split()[0] for line in plan.steps[0].before["would_go"]] == kinds
    apply(target, plan, plan.steps[0])
    assert target.inspect(plan, plan.steps[0]).landed is Landed.YES
    with world.host.state() as state:
        left = [
            one.get("Id") or one.get("ID") or one["Name"]
            for key in ("containers", "images", "volumes")
            for one in state[key]
        ]
    assert not [line for line in plan.steps[0].before["would_go"] if line.split()[1] in left]
    assert len(left) == 10 - len(kinds)


def test_a_broken_nginx_configuration_blocks_and_is_never_reloaded(world: World) -> None:
    target = world.target()
    plan = world.plan("ssh_reload_nginx", target)
    with world.host.state() as state:
        state["nginx"]["config_ok"] = False
    assert [one.code for one in target.preflight(plan) if one.severity is Severity.BLOCKING] == [
        "nginx_configuration"
    ]
    with pytest.raises(PermanentTargetError, match="unexpected"):
        apply(target, plan, plan.steps[0])
    assert ("nginx", "-s", "reload") not in [call.argv for call in world.host.calls]


def test_a_certificate_that_is_not_due_is_said_to_be_unchanged(world: World) -> None:
    target = world.target()
    plan = world.plan("ssh_renew_ssl", target, cert_name="fresh.example.org")
    assert [one.code for one in target.preflight(plan)] == ["certificate_not_due"]
    assert apply(target, plan, plan.steps[0]).detail["landed"] == Landed.NO


def test_a_log_that_is_no_json_file_is_refused(world: World) -> None:
    with world.host.state() as state:
        state["containers"][0]["HostConfig"]["LogConfig"]["Type"] = "journald"
    with pytest.raises(PermanentTargetError, match="journald"):
        world.plan("ssh_clear_docker_logs", container="web")


def test_a_log_path_outside_dockers_naming_is_refused(world: World) -> None:
    with world.host.state() as state:
        state["containers"][0]["LogPath"] = "/etc/passwd"
    with pytest.raises(PermanentTargetError):
        world.plan("ssh_clear_docker_logs", container="web")


def test_a_unit_at_work_is_watched_until_it_rests(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("countersign.targets.hosts.watching.PROGRESS_SECONDS", 0.5)
    target = world.target()
    plan = world.plan("ssh_systemctl_restart", target, unit="nginx")
    with world.host.state() as state:
        state["units"]["nginx.service"]["Job"] = "4711"
    found = target.inspect(plan, plan.steps[0])
    assert (found.landed, found.reason) == (Landed.UNCLEAR, "the host is still at work on it")


def test_a_unit_that_is_still_starting_after_its_restart_has_landed(world: World) -> None:
    target = world.target()
    plan = world.plan("ssh_systemctl_restart", target, unit="nginx")
    apply(target, plan, plan.steps[0])
    with world.host.state() as state:
        state["units"]["nginx.service"]["ActiveState"] = "activating"
    assert target.inspect(plan, plan.steps[0]).landed is Landed.YES


def test_sudo_stands_before_the_time_limit_and_is_asked_in_advance(keys: ApprovalKeys) -> None:
    with SandboxHost(server="standin", user="deploy") as host:
        fleet = FleetSettings("sandbox", (host.settings(),), linger_seconds=0)
        with Sessions(fleet) as sessions:
            world = World(host, keys, sessions)
            target = world.target()
            plan = world.plan("ssh_docker_restart", target, container="web")
            assert plan.steps[0].request["commands"] == ["sudo -n timeout --kill-after=5 60 docker restart web"]
            assert target.preflight(plan) == ()
            asked = ("sudo", "-n", "-l", "timeout", "--kill-after=5", "60", "docker", "restart", "web")
            assert asked in [call.argv for call in host.calls]
            apply(target, plan, plan.steps[0])
            assert host.effects == ("restart web",)

            with host.state() as state:
                state["sudo"] = False
            with pytest.raises(PermanentTargetError, match="does not let deploy run"):
                world.plan("ssh_docker_restart", target, container="web")


def test_every_tool_of_the_specification_is_there_with_its_scope() -> None:
    assert {name: tool.scope for name, tool in TOOLS.items()} == {
        "ssh_diagnose": Scope.READ,
        "ssh_docker_restart": Scope.WRITE,
        "ssh_docker_compose_restart": Scope.WRITE,
        "ssh_systemctl_restart": Scope.WRITE,
        "ssh_clear_docker_logs": Scope.WRITE,
        "ssh_renew_ssl": Scope.WRITE,
        "ssh_reload_nginx": Scope.WRITE,
        "ssh_docker_prune": Scope.ADMIN,
    }
