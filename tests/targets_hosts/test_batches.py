"""Several commands as one on a real host: what they cost, and that the host itself compares before the effect."""

import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest
from pydantic import SecretStr

from countersign.errors import AmbiguousTargetError, GateRefused, PlanOutdated
from countersign.targets.hosts import watching
from countersign.targets.hosts.audit import AuditRecord, Decision
from countersign.targets.hosts.batch import Batch, Condition
from countersign.targets.hosts.fleet import FleetSettings, HostSettings
from countersign.targets.hosts.gateway import Gateway
from countersign.targets.hosts.keys import ApprovalKeys
from countersign.targets.hosts.output import Output
from countersign.targets.hosts.reading import HostReader
from countersign.targets.hosts.sending import Effect, send_if_unchanged
from countersign.targets.hosts.ssh import Sessions
from countersign.targets.hosts.target import HostTarget
from countersign.targets.hosts.tools.model import Command
from countersign.targets.hosts.watching import is_the_gate
from countersign.targets.model import Landed, Plan
from sandbox.hosts.host import SandboxHost
from tests.intents import apply
from tests.targets_hosts.conftest import CALLER, RULES, World

SHIPPED = Path(__file__).parents[2] / "deployments" / "hosts"
RESTART = ("ssh_systemctl_restart", {"unit": "nginx"})


@dataclass(frozen=True)
class Budget:
    """A call of a tool, from the plan to the facts after the effect, and how many remote commands it may take."""

    tool: str
    parameters: dict[str, str]
    commands: int
    effects: tuple[str, ...]


# One connection each. Facts, the effect on condition, facts; where more has to be known first, more.
BUDGETS = (
    Budget(*RESTART, 3, ("restart nginx.service",)),
    Budget("ssh_docker_restart", {"container": "web"}, 3, ("restart web",)),
    Budget("ssh_reload_nginx", {}, 3, ("reload nginx",)),
    Budget("ssh_renew_ssl", {"cert_name": "example.org"}, 4, ("renew example.org",)),
    Budget(
        "ssh_docker_compose_restart",
        {"project": "shop", "service": "cart"},
        7,
        ("restart shop-cart-1", "restart shop-cart-2"),
    ),
)
SUDO_QUESTION = "sudo -n -l "
"""Where the tests' user is not root, and the tool's command is known only once its facts are: one more."""
PLAIN, GATED, SUDO, KNOWS_NO_BATCHES = "plain", "gated", "gated, through sudo", "knows no batches"


@dataclass
class Place(World):
    """A host that keeps every command that was sent to it."""

    log: Path = Path()

    @property
    def sent(self) -> list[str]:
        return self.log.read_text().split("\0")[:-1]

    def planned(self, tool: str, **parameters: str) -> Plan:
        """Do what comes before the effect, as a run does."""
        target = self.target()
        with target.moment():
            plan = self.plan(tool, target, **parameters)
            assert [each for each in target.preflight(plan) if each.severity.value == "blocking"] == []
            target.observe(plan)
        return plan


def _place(kind: str, folder: Path, keys: ApprovalKeys) -> Iterator[Place]:
    shutil.copy(SHIPPED / "allowed", folder)
    program = [sys.executable, str(SHIPPED / "countersign-gate"), "--allowed", str(folder / "allowed")]
    runs = 'exec sh -c "$SSH_ORIGINAL_COMMAND"' if kind == PLAIN else f"exec {shlex.join(program)}"
    if kind == KNOWS_NO_BATCHES:
        refusal = 'echo "countersign-gate: this command is not allowed here" >&2; exit 126'
        runs = f'case "$SSH_ORIGINAL_COMMAND" in sh*) {refusal};; esac; {runs}'
    counting, log = folder / "counting", folder / "sent"
    log.touch()
    counting.write_text(f'printf "%s\\0" "$SSH_ORIGINAL_COMMAND" >> {shlex.quote(str(log))}\n{runs}\n')
    gate = shlex.join(["sh", str(counting)])
    user = "deploy" if kind == SUDO else None
    with SandboxHost(server="auto", folder=folder / "host", gate=gate, user=user) as host:
        fleet = FleetSettings("sandbox", (host.settings(),), linger_seconds=0)
        with Sessions(fleet) as sessions:
            yield Place(host, keys, sessions, log=log)


@pytest.fixture(params=[PLAIN, GATED])
def place(request: pytest.FixtureRequest, tmp_path: Path, keys: ApprovalKeys) -> Iterator[Place]:
    yield from _place(request.param, tmp_path, keys)


@pytest.fixture
def through_sudo(tmp_path: Path, keys: ApprovalKeys) -> Iterator[Place]:
    yield from _place(SUDO, tmp_path, keys)


@pytest.fixture
def set_in_its_ways(tmp_path: Path, keys: ApprovalKeys) -> Iterator[Place]:
    yield from _place(KNOWS_NO_BATCHES, tmp_path, keys)


def test_an_effect_costs_one_connection_and_no_more_commands_than_its_budget(place: Place) -> None:
    effects: list[str] = []
    for budget in BUDGETS:
        before = len(place.sent)
        plan = place.planned(budget.tool, **budget.parameters)
        receipt = apply(place.target(), plan, plan.steps[0])
        assert receipt.detail["landed"] == Landed.YES.value, receipt
        sent = [line for line in place.sent[before:] if not line.startswith(SUDO_QUESTION)]
        assert len(sent) <= budget.commands, (budget.tool, "\n".join(sent))
        effects += budget.effects
    assert place.host.effects == tuple(effects)
    assert place.host.wire.accepted == 1
    # Each call is on record, however many commands it shares with others.
    assert [each[:2] for each in place.decisions[:5]] == [
        ("plan", "allowed"), ("preflight", "allowed"), ("observe", "allowed"),
        ("apply", "allowed"), ("apply", "completed"),
    ]  # fmt: skip


def test_what_sudo_is_asked_comes_along(through_sudo: Place) -> None:
    for number, budget in enumerate(BUDGETS[:3]):
        plan = through_sudo.planned(budget.tool, **budget.parameters)
        assert "sudo -n -l timeout" in through_sudo.sent[3 * number]
        apply(through_sudo.target(), plan, plan.steps[0])
        assert len(through_sudo.sent) <= 3 * (number + 1), "\n".join(through_sudo.sent)


def test_a_host_that_lets_no_batches_through_is_served_command_by_command(set_in_its_ways: Place) -> None:
    for budget in BUDGETS[:3]:
        plan = set_in_its_ways.planned(budget.tool, **budget.parameters)
        apply(set_in_its_ways.target(), plan, plan.steps[0])
    assert set_in_its_ways.host.effects == tuple(what for budget in BUDGETS[:3] for what in budget.effects)
    assert len([line for line in set_in_its_ways.sent if line.startswith("sh ")]) == 1, "it is tried once"


def test_what_changed_since_it_was_read_is_seen_by_the_host_itself(place: Place) -> None:
    """The change comes when this process has compared everything that it knows."""
    plan = place.planned(RESTART[0], **RESTART[1])

    def meddling(record: AuditRecord) -> None:
        if record.decision is Decision.ALLOWED:
            with place.host.state() as state:
                state["units"]["nginx.service"]["InvocationID"] = "0" * 32

    gateway = Gateway(rules=RULES, audit=meddling, keys=place.keys)
    target = HostTarget(sessions=place.sessions, gateway=gateway, caller=CALLER, issue=place.keys.write)
    with pytest.raises(PlanOutdated):
        apply(target, plan, plan.steps[0])
    assert place.host.effects == ()


def test_what_changed_and_says_nothing_of_the_effect_does_not_hold_it_up(place: Place) -> None:
    plan = place.planned(RESTART[0], **RESTART[1])
    with place.host.state() as state:
        state["units"]["nginx.service"]["SubState"] = "reloading"
    apply(place.target(), plan, plan.steps[0])
    assert place.host.effects == ("restart nginx.service",)


@pytest.mark.parametrize(
    ("budget", "reading"),
    [
        (BUDGETS[0], ("systemctl", "show")),
        (BUDGETS[1], ("docker", "container", "inspect")),
        (BUDGETS[2], ("ps", "-ww", "-C")),
    ],
    ids=["systemctl", "docker", "nginx"],
)
def test_a_condition_that_is_still_looked_at_when_the_connection_breaks_is_waited_for(
    place: Place, budget: Budget, reading: tuple[str, ...]
) -> None:
    plan = place.planned(budget.tool, **budget.parameters)
    place.host.fault("cut", *reading, seconds=1)
    with pytest.raises(AmbiguousTargetError):
        apply(place.target(), plan, plan.steps[0])
    assert place.host.effects == ()
    landed = place.target().inspect(plan, plan.steps[0]).landed
    assert place.host.effects == (budget.effects if landed is Landed.YES else ())
    # A reload comes after a test of the configuration, whose answer nobody reads any more; the others go on.
    assert landed is Landed.YES or budget.tool == "ssh_reload_nginx"


@pytest.mark.parametrize("budget", BUDGETS[:3], ids=lambda budget: budget.tool)
def test_a_lost_answer_and_a_killed_command_are_told_apart(place: Place, budget: Budget) -> None:
    act = place.target()._gateway.tools[budget.tool].commands(budget.parameters, {})[-1].argv
    plan = place.planned(budget.tool, **budget.parameters)
    place.host.fault("die", *act)
    with pytest.raises(AmbiguousTargetError):
        apply(place.target(), plan, plan.steps[0])
    assert place.target().inspect(plan, plan.steps[0]).landed is Landed.NO
    place.host.fault("cut", *act, when="after")
    with pytest.raises(AmbiguousTargetError):
        apply(place.target(), plan, plan.steps[0])
    assert place.target().inspect(plan, plan.steps[0]).landed is Landed.YES
    assert place.host.effects == budget.effects


def test_a_test_that_fails_keeps_the_reload_from_being_sent(place: Place) -> None:
    plan = place.planned("ssh_reload_nginx")
    place.host.fault("fail", "nginx", "-t", code=1, message="", times=1)
    place.host.fault("fail", "nginx", "-t", code=1, message="emerg: no such upstream", times=9)
    with pytest.raises(Exception, match="no such upstream"):
        apply(place.target(), plan, plan.steps[0])
    assert place.host.effects == ()


def test_a_refusal_at_the_gateway_sends_nothing_at_all(place: Place) -> None:
    plan = place.planned(*RESTART[:1], **RESTART[1])
    sent = len(place.sent)
    with pytest.raises(GateRefused):
        apply(place.target(issue=False), plan, plan.steps[0])
    assert len(place.sent) == sent


def test_answers_are_told_apart_by_the_mark_alone() -> None:
    batch = Batch(("a", "b", "c"))
    frames = "".join(f"{said}\n{batch.mark} {code}\n" for said, code in (("no end", 0), ("\n 1\n", 3), ("", 127)))
    output = Output(0, frames, f"\n{batch.mark}\nwarned\n\n{batch.mark}\n\n{batch.mark}\n", False, 9)
    found = [(each.exit_code, each.stdout, each.stderr) for each in batch.answers(output)]
    assert found == [(0, "no end", ""), (3, "\n 1\n", "warned\n"), (127, "", "")]
    assert len(batch.answers(replace(output, stdout=frames[:-2]))) == 2, "one that was cut off has not answered"
    assert batch.answers(Output(126, "", "countersign-gate: this command is not allowed here\n", False, 1)) == ()


@pytest.mark.parametrize(
    ("line", "at_work"),
    [
        ("/usr/bin/python3 /usr/local/bin/countersign-gate", True),
        ("sh -c /usr/local/bin/countersign-gate", False),
        ("vim /usr/local/bin/countersign-gate", False),
        ("/usr/bin/python3 /srv/countersign-gatekeeper", False),
        ("", False),
    ],
)
def test_a_gate_that_has_become_no_command_yet_is_waited_for(line: str, at_work: bool) -> None:
    assert is_the_gate(line) is at_work


@pytest.mark.parametrize("answer", [Output(0, "\ufffd", "", False, 1), Output(0, "a", "", True, 1)])
def test_what_is_not_known_to_the_last_byte_is_no_condition(answer: Output) -> None:
    assert not Condition("uptime", answer).can_be_sent


class Answers:
    """Sessions of which each answer is known; how the host came to it does not matter here."""

    def __init__(self, *outputs: Output) -> None:
        self.left = list(outputs)

    def send(self, *_: object, **__: object) -> Output:
        return self.left.pop(0)


PAIR = (Command(("nginx", "-t"), root=False), Command(("nginx", "-s", "reload"), root=False))


def sent_if_unchanged(sessions: Answers, answer: str = "up") -> Effect | None:
    conditions = (Condition("uptime", Output(0, answer, "", False, 1)),) * 8
    host = HostSettings("web-1", "10.0.0.1", "root", SecretStr(""), ())
    return send_if_unchanged(cast(Sessions, sessions), host, PAIR, conditions, not_after=0)


def test_a_success_without_the_frame_of_each_command_is_none() -> None:
    """Something on the host swallowed the frame: which of the two commands the answer is about is not known."""
    with pytest.raises(AmbiguousTargetError, match="tell its commands apart"):
        sent_if_unchanged(Answers(Output(0, "signal process started", "", False, 1)))


def test_what_is_too_long_for_one_command_is_not_sent_as_one() -> None:
    assert sent_if_unchanged(Answers(), "'" * 10_000) is None


@pytest.mark.parametrize("noise", ["", "bash: warning: setlocale: LC_ALL: cannot change locale\n"])
def test_a_host_that_differs_is_heard_beside_what_its_shell_says(noise: str) -> None:
    batch = Batch(("effect",), (Condition("uptime", Output(0, "a", "", False, 1)),))
    assert batch.differs(Output(75, "", f"{noise}{batch.mark} differs\n", False, 1))
    ran = Output(75, f"\n{batch.mark} 75\n", f"{noise}\n{batch.mark}\n", False, 1)
    assert not batch.differs(ran), "a command that ended so was run"


def test_a_list_of_processes_that_was_cut_off_shows_nothing_to_be_over(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([Output(0, "init\n", "", True, 1), Output(0, "init\n", "", False, 1)])
    asked = []

    def ps(*argv: str) -> Output:
        asked.append(argv)
        return next(answers)

    monkeypatch.setattr(watching, "POLL_SECONDS", 0.0)
    assert watching._wait_until_over(cast(HostReader, ps), [Command(("true",), limit=5)])
    assert len(asked) == 2
