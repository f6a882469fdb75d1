"""Hosts as a Target: one tool, one host, one step a plan.

What makes a step safe to repeat is the comparison of facts that only the effect changes (an InvocationID, a
StartedAt, a serial number): they are fixed in the plan, compared immediately before sending, and compared again
after a lost answer. docs/security.md says which window remains.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from countersign.actions.operation import HostOperation, Operation
from countersign.errors import (
    GateRefused,
    PermanentTargetError,
    PlanOutdated,
    TargetError,
    TargetNotFound,
)
from countersign.targets.hosts.audit import Purpose, ToolCall
from countersign.targets.hosts.fleet import FleetSettings, HostSettings, find_host
from countersign.targets.hosts.gateway import Gateway
from countersign.targets.hosts.keys import KeyBinding
from countersign.targets.hosts.output import Output
from countersign.targets.hosts.reading import HostReader
from countersign.targets.hosts.recalling import line_of, recall
from countersign.targets.hosts.rules import Caller
from countersign.targets.hosts.sending import Effect, look_afterwards, send, send_if_unchanged
from countersign.targets.hosts.ssh import KILL_AFTER, Sessions, command_line
from countersign.targets.hosts.sudo import sudo_findings, sudo_questions
from countersign.targets.hosts.tools.model import Command, Facts, Scope, Tool
from countersign.targets.hosts.watching import watch
from countersign.targets.looking import Polled
from countersign.targets.model import (
    DOUBT,
    Finding,
    Impact,
    Inspection,
    Intent,
    Landed,
    Looking,
    Match,
    ObjectRef,
    Plan,
    Receipt,
    Resolution,
    Severity,
    Snapshot,
    Spent,
    Step,
)
from countersign.texts import text

IssueKey = Callable[[KeyBinding], None]
"""Writes an approval key (keys.ApprovalKeys.write). Only who holds the execution's claim may pass one."""

FRESH_SECONDS = 5
"""How old the comparison may be when the command is sent: a process that was paused in between does not send."""


class HostTarget:
    """The hosts of one fleet, for one caller. `issue` None: nothing that changes a host is let through gate 5."""

    refusals_are_final = True

    def __init__(
        self, *, sessions: Sessions, gateway: Gateway, caller: Caller, issue: IssueKey | None = None
    ) -> None:
        self._sessions = sessions
        self._fleet = sessions.fleet
        self._gateway = gateway
        self._caller = caller
        self._issue = issue
        self._spent = Spent()
        self._moment: dict[str, dict[str, Output]] | None = None
        """What the hosts answered in the present moment, by their names."""

    def resolve(self, operation: Operation) -> Resolution:
        """Find the host. Raises TargetNotFound, or GateRefused where the text names another user or port."""
        operation = _host_operation(operation)
        parameters = dict(operation.parameters)
        try:
            host, exact = find_host(self._fleet, operation.host)
        except TargetNotFound:
            self._gateway.unknown_host(
                caller=self._caller, tool=operation.tool, written=operation.host, parameters=parameters
            )
            raise
        with self._gateway.on_record(self._call(operation.tool, host, parameters, Purpose.PLAN)):
            _require_configured(host, user=operation.user, port=operation.port)
        ref = ObjectRef(system=self._fleet.name, kind="Host", namespace=None, name=host.name)
        return Resolution((ref,), (operation.host,), Match.EXACT if exact else Match.NORMALISED)

    def plan(self, operation: Operation, resolution: Resolution, *, at: datetime) -> Plan:
        """Read the facts before and fix the argument lists. Passes the gates for reading."""
        operation = _host_operation(operation)
        ref = resolution.refs[0]
        host, parameters = self._fleet.host(ref.name), dict(operation.parameters)
        call = self._call(operation.tool, host, parameters, Purpose.PLAN)
        tool = self._gateway.admit(call)
        before = self._read(tool, call)
        commands = tool.commands(parameters, before)
        step = Step(
            key=f"1-{tool.name}",
            ref=ref,
            title=f"{tool.title(parameters)} on {host.name}",
            request={
                "tool": tool.name,
                "parameters": parameters,
                "commands": _lines(host, commands),
            },
            before=before,
            wanted=dict(tool.wanted),
        )
        return Plan(
            system=self._fleet.name,
            verb=tool.name,
            refs=(ref,),
            # Who may not do it is told so, also where there is nothing to do.
            steps=() if _is_so_already(tool, before) and self._may(plan_call=call) else (step,),
            impact=Impact(),
            made_at=at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            deadline_seconds=sum(one.limit + KILL_AFTER for one in commands),
        )

    def preflight(self, plan: Plan) -> tuple[Finding, ...]:
        """Say what gates 1 to 4, sudo and the tool's own facts have against the plan."""
        if not plan.steps:
            return (Finding(Severity.INFO, "nothing_to_do", text("finding.nothing_to_do", verb=plan.verb)),)
        findings: list[Finding] = []
        for step in plan.steps:
            call = self._step_call(plan, step, Purpose.PREFLIGHT)
            refusal = self._gateway.foresee(call)
            if refusal is not None:
                code = f"gate_{refusal.gate}_{refusal.gate_code}"
                findings.append(Finding(Severity.BLOCKING, code, refusal.message))
            tool = self._gateway.admit(call)
            findings += tool.against(call.parameters, self._read(tool, call))
            commands = tool.commands(call.parameters, step.before)
            with self._gateway.on_record(call):
                findings += sudo_findings(self._reader(call.host), commands)
        return tuple(findings)

    def apply(self, plan: Plan, step: Step, intent: Intent) -> Receipt:
        """Pass the gates, consume the key, compare the facts with the plan's, send what `intent` has on record.

        Raises GateRefused; PlanOutdated where the effect is there already, by a supervisor's own restart for example;
        PermanentTargetError where the host changed otherwise or refused; TransientTargetError, AmbiguousTargetError.
        """
        self._spent.spend(intent, step)
        call = self._step_call(plan, step, Purpose.APPLY)
        tool = self._gateway.examine(call)
        with self._gateway.on_record(call):
            commands = _planned_commands(tool, call, step)
            if self._issue is not None and tool.scope is not Scope.READ:
                self._issue(call.binding)
        self._gateway.authorise(call, tuple(one.argv for one in commands))
        not_after = time.monotonic() + FRESH_SECONDS
        try:
            with self._gateway.on_record(call):
                effect = self._sent_as_recalled(tool, call, step, commands, not_after=not_after)
                if effect is None:
                    effect = self._sent_after_reading(tool, call, step, commands)
            found = None
            if tool.scope is not Scope.READ:
                reader = HostReader(self._sessions, call.host)
                found = look_afterwards(tool, reader, call.parameters, step.before)
            error = None if tool.scope is Scope.READ else effect.error(found)
        except TargetError as lost:
            self._gateway.completed(call, ok=False, detail=lost.message)
            raise
        self._gateway.completed(
            call,
            ok=error is None,
            detail=found.reason if found else "",
            exit_code=effect.outputs[-1].exit_code,
            duration_ms=effect.duration_ms,
        )
        if error is not None:
            raise error
        return effect.receipt(found)

    def inspect(self, plan: Plan, step: Step) -> Inspection:
        """Tell from the host whether the effect happened, once nothing sent earlier can still have one (watching)."""
        call = self._step_call(plan, step, Purpose.INSPECT)
        tool = self._gateway.admit(call)
        reader = HostReader(self._sessions, call.host)
        with self._gateway.on_record(call):
            found = watch(tool, reader, call.parameters, step.before, linger=self._fleet.linger_seconds)
        if tool.supervised and found.landed is Landed.YES:
            # Nobody saw it happen: the request had no answer.
            doubt = text("doubt.supervisor", host=call.host.name)
            return Inspection(found.landed, found.reason, {**found.seen, DOUBT: doubt})
        return found

    def observe(self, plan: Plan) -> Snapshot:
        """Take the tool's facts, whether they are healthy, and the host's load."""
        objects: dict[str, Any] = {}
        for step in plan.steps:
            call = self._step_call(plan, step, Purpose.OBSERVE)
            tool = self._gateway.admit(call)
            with self._gateway.on_record(call):
                reader = self._reader(call.host)
                reader.ask_at_once(_lines_asked(tool, reader, call.parameters))
                objects[step.ref.key] = _seen(tool, reader, call.parameters)
        return Snapshot(at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), objects=objects)

    def looking(self, plan: Plan) -> Looking:
        """Look at the hosts again and again."""
        return Polled(self, plan)

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Let every reading until the end be of one moment: what was answered once is not asked again."""
        self._moment = {}
        try:
            yield
        finally:
            self._moment = None

    def invert(self, plan: Plan, *, generations: Mapping[str, int] | None = None) -> Plan | None:
        """None: what a host tool does cannot be taken back."""
        return None

    def binding(self, plan: Plan, step: Step) -> KeyBinding:
        """Return what the approval key for `step` has to be bound to."""
        return self._step_call(plan, step, Purpose.APPLY).binding

    def _call(self, tool: str, host: HostSettings, parameters: Mapping[str, str], purpose: Purpose) -> ToolCall:
        return ToolCall(tool=tool, host=host, parameters=parameters, caller=self._caller, purpose=purpose)

    def _may(self, *, plan_call: ToolCall) -> bool:
        """Return whether the gates for changing would let this call through."""
        return self._gateway.foresee(replace(plan_call, purpose=Purpose.PREFLIGHT)) is None

    def _step_call(self, plan: Plan, step: Step, purpose: Purpose) -> ToolCall:
        parameters = {str(name): str(value) for name, value in step.request["parameters"].items()}
        return self._call(plan.verb, self._fleet.host(step.ref.name), parameters, purpose)

    def _read(self, tool: Tool, call: ToolCall) -> Facts:
        reader = self._reader(call.host)
        with self._gateway.on_record(call):
            if reader.moment:
                # What preflight and the snapshot before the effect ask comes along.
                commands = tool.commands(call.parameters, {}) if tool.foreseen else ()
                lines = _lines_asked(tool, reader, call.parameters)
                reader.ask_at_once([*lines, *sudo_questions(call.host, commands)])
            return tool.read(reader, call.parameters)

    def _reader(self, host: HostSettings) -> HostReader:
        if self._moment is None:
            return HostReader(self._sessions, host)
        return HostReader(self._sessions, host, self._moment.setdefault(host.name, {}), moment=True)

    def _sent_as_recalled(
        self, tool: Tool, call: ToolCall, step: Step, commands: Sequence[Command], *, not_after: float
    ) -> Effect | None:
        """Send, if the host still answers as it did when this run read it last; None where nothing was run.

        The host compares right before the effect, so less can happen in between than after a reading of our own.
        """
        recalled = None
        if tool.scope is not Scope.READ:
            recalled = recall(tool, self._sessions, call.host, call.parameters)
        if recalled is None or tool.judge(step.before, recalled.facts).landed is not Landed.NO:
            return None
        return send_if_unchanged(self._sessions, call.host, commands, recalled.conditions, not_after=not_after)

    def _sent_after_reading(self, tool: Tool, call: ToolCall, step: Step, commands: Sequence[Command]) -> Effect:
        """Read the host, compare, and send. Raises PlanOutdated, PermanentTargetError where it has changed."""
        reading = tool.scope is Scope.READ
        if not reading:
            # Last of all, so that as little as possible happens between comparing and sending.
            reader = HostReader(self._sessions, call.host)
            reader.ask_at_once(_lines_asked(tool, reader, call.parameters, with_load=False))
            _require_unchanged(tool, call, step, tool.read(reader, call.parameters))
        not_after = time.monotonic() + FRESH_SECONDS
        return send(self._sessions, call.host, commands, read_only=reading, not_after=not_after)


_LOAD = Command(("cat", "/proc/loadavg"), root=False, changes=False)


def _lines_asked(
    tool: Tool, reader: HostReader, parameters: Mapping[str, str], *, with_load: bool = True
) -> list[str]:
    asked = [*tool.asks(parameters), *((_LOAD,) if with_load else ())]
    return [line_of(each, reader.host) for each in asked]


def _is_so_already(tool: Tool, facts: Facts) -> bool:
    """Return whether the host is as wanted before anything is sent: a prune with nothing to prune."""
    return tool.scope is not Scope.READ and tool.judge(facts, facts).landed is Landed.YES


def _planned_commands(tool: Tool, call: ToolCall, step: Step) -> tuple[Command, ...]:
    """Make the commands from the grammar again: a plan can name none that the tool would not."""
    commands = tool.commands(call.parameters, step.before)
    if step.request["tool"] != tool.name or list(step.request["commands"]) != _lines(call.host, commands):
        raise GateRefused(
            f"The plan's commands are not the ones of {tool.name} for these parameters.",
            gate=4,
            gate_code="plan_differs",
            hint="plan the action again",
        )
    return commands


def _lines(host: HostSettings, commands: Sequence[Command]) -> list[str]:
    return [command_line(one.argv, limit=one.limit, root=one.root and host.escalates) for one in commands]


def _require_unchanged(tool: Tool, call: ToolCall, step: Step, now: Facts) -> None:
    """Refuse to send unless the host still is what the plan was made for."""
    found = tool.judge(step.before, now)
    match found.landed:
        case Landed.YES:
            # Something else did it, a supervisor's own restart among the reasons: a new plan says what is left to do.
            raise PlanOutdated(f"Nothing was sent to {call.host.name}: {found.reason}.")
        case Landed.UNCLEAR:
            raise PermanentTargetError(
                f"Nothing was sent to {call.host.name}: {found.reason}.", hint="look at the host, then plan again"
            )
        case Landed.NO:
            return


def _require_configured(host: HostSettings, *, user: str | None, port: int | None) -> None:
    """An action may name the user and the port, but not others than the fleet's."""
    for what, written, configured in (("user", user, host.user), ("port", port, host.port)):
        if written is not None and written != configured:
            raise GateRefused(
                f"The action names the {what} {written} on {host.name}; the fleet reaches it with {configured}.",
                gate=3,
                gate_code=f"{what}_not_allowed",
                hint=f"leave the {what} out of the action",
            )


def _seen(tool: Tool, reader: HostReader, parameters: Mapping[str, str]) -> dict[str, Any]:
    seen: dict[str, Any] = {
        "tool": tool.name,
        "load": reader(*_LOAD.argv, root=_LOAD.root, ok=None).stdout.strip(),
    }
    try:
        facts = tool.read(reader, parameters)
    except (TargetNotFound, PermanentTargetError) as error:
        return {**seen, "healthy": False, "problem": error.message}
    problem = tool.unhealthy(facts)
    return {**seen, "facts": facts, "healthy": problem is None, "problem": problem}


def _host_operation(operation: Operation) -> HostOperation:
    if not isinstance(operation, HostOperation):
        raise TypeError(f"a host target performs host operations, not {type(operation).__name__}")
    return operation


@contextmanager
def open_hosts(
    fleet: FleetSettings, *, gateway: Gateway, caller: Caller, issue: IssueKey | None = None
) -> Iterator[HostTarget]:
    """Give the fleet as a target, and close its connections at the end."""
    with Sessions(fleet) as sessions:
        yield HostTarget(sessions=sessions, gateway=gateway, caller=caller, issue=issue)
