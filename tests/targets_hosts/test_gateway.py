"""The five gates in their order, the audit of every call, and the approval key."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

from countersign.actions.operation import HostOperation
from countersign.errors import (
    AmbiguousTargetError,
    DatabaseUnavailable,
    GateRefused,
    PermanentTargetError,
    TargetNotFound,
)
from countersign.targets.hosts.audit import AuditRecord, Decision, Purpose, ToolCall
from countersign.targets.hosts.fleet import FleetSettings, HostSettings
from countersign.targets.hosts.gateway import Gateway
from countersign.targets.hosts.keys import KEY_SECONDS, ApprovalKeys, KeyBinding, binding
from countersign.targets.hosts.rules import AgentGrant, Caller, GatewayRules, ProjectGrant
from countersign.targets.hosts.ssh import Sessions
from countersign.targets.hosts.tools.model import Scope
from countersign.targets.model import Landed, Severity
from sandbox.hosts.host import SandboxHost
from sandbox.hosts.ports import free_port
from tests.intents import apply
from tests.targets_hosts.conftest import CALLER, RULES, SECRET, World

HOST = HostSettings(
    name="web-1",
    address="10.0.0.1",
    user="deploy",
    private_key="",  # type: ignore[arg-type] # never read here
    host_keys=(),
    environment="sandbox",
    groups=("web",),
)
CALL = ToolCall(
    tool="ssh_docker_restart", host=HOST, parameters={"container": "web"}, caller=CALLER, purpose=Purpose.APPLY
)


@pytest.fixture
def host() -> Iterator[SandboxHost]:
    with SandboxHost(server="standin") as running:
        yield running


def gateway(rules: GatewayRules = RULES, keys: ApprovalKeys | None = None) -> tuple[Gateway, list[AuditRecord]]:
    audit: list[AuditRecord] = []
    return Gateway(rules=rules, audit=audit.append, keys=keys), audit


def only(*grants: ProjectGrant) -> GatewayRules:
    return replace(RULES, projects=grants)


REFUSALS: list[tuple[int, str, ToolCall, GatewayRules]] = [
    (1, "unknown_tool", replace(CALL, tool="ssh_docker_kill"), RULES),
    (2, "unknown_agent", replace(CALL, caller=replace(CALLER, agent="stranger")), RULES),
    (2, "scope_missing", replace(CALL, caller=replace(CALLER, agent="reader")), RULES),
    (
        2,
        "scope_missing",
        replace(
            CALL,
            tool="ssh_docker_prune",
            parameters={"what": "images", "all": "false"},
            caller=replace(CALLER, agent="writer"),
        ),
        RULES,
    ),
    (3, "unknown_project", replace(CALL, caller=replace(CALLER, project="other")), RULES),
    (3, "environment_not_allowed", CALL, only(ProjectGrant("shop", environments=("staging",)))),
    (3, "host_not_allowed", CALL, only(ProjectGrant("shop", ("sandbox",), hosts=("db-*",), groups=("db",)))),
    (4, "parameter_missing", replace(CALL, parameters={}), RULES),
    (4, "parameter_unknown", replace(CALL, parameters={"container": "web", "time": "0"}), RULES),
    (4, "parameter_invalid", replace(CALL, parameters={"container": "--all"}), RULES),
    (4, "parameter_invalid", replace(CALL, parameters={"container": "web\n"}), RULES),
    (4, "trust_too_low", replace(CALL, caller=replace(CALLER, trust=0.49)), RULES),
    (4, "trust_too_low", replace(CALL, caller=replace(CALLER, trust=float("nan"))), RULES),
    (5, "no_key", CALL, RULES),
    (5, "shadow", CALL, replace(RULES, shadow=True)),
]


@pytest.mark.parametrize(
    ("gate", "code", "call", "rules"), REFUSALS, ids=[f"{case[0]}-{case[1]}-{n}" for n, case in enumerate(REFUSALS)]
)
def test_each_gate_refuses_with_its_own_code_and_puts_it_on_record(
    gate: int, code: str, call: ToolCall, rules: GatewayRules
) -> None:
    judge, audit = gateway(rules)
    with pytest.raises(GateRefused) as caught:
        judge.authorise(call, (("docker", "restart", "web"),))
    assert (caught.value.gate, caught.value.gate_code) == (gate, code)
    assert caught.value.hint
    (record,) = audit
    assert record.decision is (Decision.SHADOW if code == "shadow" else Decision.REFUSED)
    assert (record.gate, record.gate_code, record.tool, record.host) == (gate, code, call.tool, "web-1")
    assert (record.approval, record.incident, record.run) == ("approval-1", "INC-1", "run-1")


def test_the_gates_are_asked_in_their_order() -> None:
    """With everything wrong, mending one thing after the other meets gate after gate."""
    wrong = Caller(project="other", agent="stranger", run="run-1", trust=0)
    steps = [
        (replace(CALL, tool="no", parameters={"x": "-"}, caller=wrong), 1),
        (replace(CALL, parameters={"x": "-"}, caller=wrong), 2),
        (replace(CALL, parameters={"x": "-"}, caller=replace(wrong, agent="executor")), 3),
        (replace(CALL, parameters={"x": "-"}, caller=replace(wrong, agent="executor", project="shop")), 4),
        (CALL, 5),
    ]
    for call, gate in steps:
        judge, _ = gateway()
        with pytest.raises(GateRefused) as caught:
            judge.authorise(call, ())
        assert caught.value.gate == gate


def test_an_environment_may_be_granted_by_group_or_by_name() -> None:
    for grant in (
        ProjectGrant("shop", ("sandbox",), hosts=("web-*",)),
        ProjectGrant("shop", ("sandbox",), hosts=(), groups=("web",)),
    ):
        judge, _ = gateway(only(grant))
        assert judge.foresee(CALL) is None


def test_an_agent_pattern_grants_to_every_agent_it_fits() -> None:
    rules = replace(RULES, agents=(AgentGrant("auto_approve*", frozenset({Scope.READ, Scope.WRITE})),))
    judge, _ = gateway(rules)
    assert judge.foresee(replace(CALL, caller=replace(CALLER, agent="auto_approve:playbook"))) is None
    assert judge.foresee(CALL) is not None


def test_a_key_opens_the_fifth_gate_once(keys: ApprovalKeys) -> None:
    judge, audit = gateway(keys=keys)
    keys.write(CALL.binding)
    judge.authorise(CALL, ())
    with pytest.raises(GateRefused) as caught:
        judge.authorise(CALL, ())
    assert caught.value.gate_code == "no_key"
    assert [one.decision for one in audit] == [Decision.ALLOWED, Decision.REFUSED]


KEY = binding(
    project="shop",
    agent="executor",
    tool="ssh_docker_restart",
    host="web-1",
    parameters={"container": "web"},
    run="r",
)


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, project="other"),
        replace(KEY, agent="writer"),
        replace(KEY, tool="ssh_clear_docker_logs"),
        replace(KEY, host="web-2"),
        replace(KEY, parameters=(("container", "db"),)),
        replace(KEY, run="r2"),
    ],
)
def test_a_key_is_good_for_exactly_its_project_agent_tool_host_parameters_and_run(
    keys: ApprovalKeys, other: KeyBinding
) -> None:
    keys.write(KEY)
    assert not keys.consume(other)
    assert keys.consume(KEY)


def test_a_key_dies_after_600_seconds(keys: ApprovalKeys, valkey_url: str) -> None:
    keys.write(KEY)
    with Redis.from_url(valkey_url) as client:
        (name,) = client.keys("*")
        assert name.startswith(b"countersign:gate-key:")
        assert 0 < client.ttl(name) <= KEY_SECONDS == 600
        client.pexpire(name, 1)
        while client.exists(name):
            pass
    assert not keys.consume(KEY)


def _take(keys: ApprovalKeys, key: KeyBinding, start: threading.Barrier, got: list[bool]) -> None:
    start.wait()
    got.append(keys.consume(key))


def test_of_twenty_concurrent_callers_one_gets_the_key(valkey_url: str) -> None:
    clients = [ApprovalKeys.connect(valkey_url, secret=SECRET) for _ in range(20)]
    for round_ in range(5):
        key = replace(KEY, run=f"run-{round_}")
        clients[0].write(key)
        got: list[bool] = []
        start = threading.Barrier(20)
        threads = [threading.Thread(target=_take, args=(one, key, start, got)) for one in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(got) == [False] * 19 + [True]
    for client in clients:
        client.close()


@pytest.fixture
def no_redis() -> Iterator[ApprovalKeys]:
    keys = ApprovalKeys.connect(f"redis://127.0.0.1:{free_port()}/0", secret=SECRET, timeout=1)
    yield keys
    keys.close()


def test_without_redis_everything_that_changes_a_host_is_refused(no_redis: ApprovalKeys) -> None:
    judge, audit = gateway(keys=no_redis)
    with pytest.raises(GateRefused) as caught:
        judge.authorise(CALL, ())
    assert (caught.value.gate, caught.value.gate_code) == (5, "keys_unavailable")
    assert [one.gate_code for one in audit] == ["keys_unavailable"]
    judge.authorise(replace(CALL, tool="ssh_diagnose", parameters={}), ())


def test_without_redis_the_host_is_not_asked_to_change(world: World, no_redis: ApprovalKeys) -> None:
    target = world.target(keys=no_redis)
    plan = world.plan("ssh_docker_restart", target, container="web")
    with pytest.raises(GateRefused) as caught:
        apply(target, plan, plan.steps[0])
    assert caught.value.gate_code == "keys_unavailable"
    assert world.decisions[-1] == ("apply", "refused", 5, "keys_unavailable")
    assert world.host.effects == ()


def test_a_run_without_a_claim_gets_no_key(world: World) -> None:
    target = world.target(issue=False)
    plan = world.plan("ssh_docker_restart", target, container="web")
    with pytest.raises(GateRefused) as caught:
        apply(target, plan, plan.steps[0])
    assert caught.value.gate_code == "no_key"
    assert world.host.effects == ()
    world.keys.write(target.binding(plan, plan.steps[0]))
    apply(target, plan, plan.steps[0])
    assert world.host.effects == ("restart web",)


def test_no_key_is_left_behind(world: World, valkey_url: str) -> None:
    target = world.target()
    plan = world.plan("ssh_docker_restart", target, container="web")
    apply(target, plan, plan.steps[0])
    with Redis.from_url(valkey_url) as client:
        assert client.keys("*") == []


def test_an_allowed_call_is_on_record_before_and_after_it(world: World) -> None:
    target = world.target()
    plan = world.plan("ssh_docker_restart", target, container="web")
    apply(target, plan, plan.steps[0])
    assert world.decisions == [
        ("plan", "allowed", None, None),
        ("apply", "allowed", None, None),
        ("apply", "completed", None, None),
    ]
    assert world.audit[1].argv == (("docker", "restart", "web"),)
    assert world.audit[2].exit_code == 0
    assert world.audit[2].duration_ms is not None


def test_shadow_mode_records_what_it_would_do_and_sends_nothing(world: World) -> None:
    target = world.target(rules=replace(RULES, shadow=True))
    plan = world.plan("ssh_systemctl_restart", target, unit="nginx")
    with pytest.raises(GateRefused, match="shadow"):
        apply(target, plan, plan.steps[0])
    assert world.audit[-1].decision is Decision.SHADOW
    assert world.audit[-1].argv == (("systemctl", "restart", "nginx.service"),)
    assert world.host.effects == ()


def test_an_audit_that_cannot_be_kept_stops_the_call(world: World) -> None:
    plan = world.plan("ssh_docker_restart", container="web")

    def broken(record: AuditRecord) -> None:
        raise OSError("disk full")

    target = world.target()
    target._gateway = Gateway(rules=RULES, audit=broken, keys=world.keys)
    with pytest.raises(OSError, match="disk full"):
        apply(target, plan, plan.steps[0])
    assert world.host.effects == ()


def test_an_audit_that_fails_after_the_effect_does_not_hide_the_effect(world: World) -> None:
    def breaking(record: AuditRecord) -> None:
        if record.decision is Decision.COMPLETED:
            raise DatabaseUnavailable("gone")

    plan = world.plan("ssh_docker_restart", container="web")
    target = world.target()
    target._gateway = Gateway(rules=RULES, audit=breaking, keys=world.keys)
    assert apply(target, plan, plan.steps[0]).detail["landed"] == Landed.YES
    assert world.host.effects == ("restart web",)


def test_preflight_says_in_advance_what_the_gates_will_say(world: World) -> None:
    target = world.target(caller=replace(CALLER, agent="writer", trust=0.9))
    plan = world.plan("ssh_docker_prune", target, what="images", all="false")
    found = [one.code for one in target.preflight(plan) if one.severity is Severity.BLOCKING]
    assert found == ["gate_2_scope_missing"]
    assert ("preflight", "refused", 2, "scope_missing") in world.decisions
    with pytest.raises(GateRefused):
        apply(target, plan, plan.steps[0])
    assert world.host.effects == ()


def test_a_plan_whose_commands_were_changed_is_refused(world: World) -> None:
    target = world.target()
    plan = world.plan("ssh_docker_restart", target, container="web")
    request = {**plan.steps[0].request, "commands": ["timeout --kill-after=5 60 docker rm -f web"]}
    with pytest.raises(GateRefused) as caught:
        apply(target, plan, replace(plan.steps[0], request=request))
    assert caught.value.gate_code == "plan_differs"
    assert world.decisions[-1] == ("apply", "refused", 4, "plan_differs")


def test_a_plan_whose_log_path_was_changed_truncates_nothing(world: World, tmp_path: Path) -> None:
    target = world.target()
    plan = world.plan("ssh_clear_docker_logs", target, container="web")
    step = plan.steps[0]
    victim = tmp_path / "precious"
    victim.write_text("data")
    command = step.request["commands"][0].replace(step.before["path"], str(victim))
    forged = replace(
        step, before={**step.before, "path": str(victim)}, request={**step.request, "commands": [command]}
    )
    with pytest.raises(PermanentTargetError, match="replaced"):
        apply(target, plan, forged)
    assert victim.read_text() == "data"


@pytest.mark.parametrize(
    ("changes", "code"), [({"user": "admin"}, "user_not_allowed"), ({"port": 2222}, "port_not_allowed")]
)
def test_an_action_cannot_choose_another_user_or_port(world: World, changes: dict[str, object], code: str) -> None:
    operation = replace(HostOperation("ssh_diagnose", world.host.name), **changes)  # type: ignore[arg-type]
    with pytest.raises(GateRefused) as caught:
        world.target().resolve(operation)
    assert caught.value.gate_code == code
    assert world.decisions == [("plan", "refused", 3, code)]


def test_a_host_whose_key_is_not_pinned_is_an_audited_refusal(world: World) -> None:
    fleet = FleetSettings("sandbox", (world.host.settings(host_keys=()),))
    with Sessions(fleet) as sessions:
        world.sessions = sessions
        with pytest.raises(GateRefused):
            world.plan("ssh_diagnose")
    assert world.decisions == [("plan", "allowed", None, None), ("plan", "refused", 3, "host_key_unknown")]


def test_an_unknown_host_is_an_audited_refusal_with_candidates(world: World) -> None:
    with pytest.raises(TargetNotFound) as caught:
        world.target().resolve(HostOperation("ssh_diagnose", "web-7"))
    assert caught.value.candidates == ("web-1",)
    assert world.decisions == [("plan", "refused", 3, "host_unknown")]
    assert world.audit[0].host == "web-7"


def test_a_call_whose_answer_was_lost_is_on_record_as_failed(world: World) -> None:
    target = world.target()
    plan = world.plan("ssh_docker_restart", target, container="web")
    world.host.fault("cut", "docker", "restart", when="after")
    with pytest.raises(AmbiguousTargetError):
        apply(target, plan, plan.steps[0])
    assert world.decisions[-1][:2] == ("apply", "failed")


def test_the_gateway_does_not_need_the_ssh_libraries() -> None:
    """Whoever only judges or describes calls should not wait for paramiko's import."""
    code = "import sys, countersign.targets.hosts.gateway; sys.exit('paramiko' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
