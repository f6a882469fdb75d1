"""The gateway: five gates that every call of a host tool passes in order, each with its own code; every call audited.

It decides and records, and sends nothing. The reasons for a refusal are facts about the call alone, so all gates but
the fifth, which consumes the approval key, can be asked in advance.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from countersign.errors import CountersignError, GateRefused
from countersign.logging import get_logger
from countersign.targets.hosts.audit import Audit, Decision, ToolCall, record_of, refused_host
from countersign.targets.hosts.gates import first_gate, fourth_gate, second_gate, third_gate
from countersign.targets.hosts.keys import ApprovalKeys
from countersign.targets.hosts.rules import Caller, GatewayRules
from countersign.targets.hosts.tools.model import Scope, Tool
from countersign.targets.hosts.tools.registry import TOOLS

logger = get_logger(__name__)


class Gateway:
    """Judges calls by the rules. `keys` None refuses everything that changes a host."""

    def __init__(
        self, *, rules: GatewayRules, audit: Audit, keys: ApprovalKeys | None, tools: Mapping[str, Tool] = TOOLS
    ) -> None:
        self.tools = tools
        self._rules = rules
        self._audit = audit
        self._keys = keys

    def admit(self, call: ToolCall) -> Tool:
        """Let a call through that only reads: gates 1, 3 and 4, and gate 2 for the read scope. Raises GateRefused."""
        try:
            tool = self._judge(call, scope=Scope.READ, with_trust=False)
        except GateRefused as refusal:
            self._refused(call, refusal)
            raise
        self._audit(record_of(call, Decision.ALLOWED))
        return tool

    def foresee(self, call: ToolCall) -> GateRefused | None:
        """Return the refusal that gates 1 to 4 have for performing `call`, on record, or None."""
        try:
            self._judge(call, scope=None, with_trust=True)
        except GateRefused as refusal:
            self._refused(call, refusal)
            return refusal
        return None

    def examine(self, call: ToolCall) -> Tool:
        """Pass gates 1 to 4 for performing `call`. Raises GateRefused, on record."""
        try:
            return self._judge(call, scope=None, with_trust=True)
        except GateRefused as refusal:
            self._refused(call, refusal)
            raise

    def authorise(self, call: ToolCall, argv: tuple[tuple[str, ...], ...]) -> None:
        """Pass all five gates and consume the approval key: the next thing is sending. Raises GateRefused."""
        tool = self.examine(call)
        try:
            if tool.scope is not Scope.READ:
                self._fifth_gate(call)
        except GateRefused as refusal:
            decision = Decision.SHADOW if refusal.gate_code == "shadow" else Decision.REFUSED
            self._refused(call, refusal, decision=decision, argv=argv)
            raise
        self._audit(record_of(call, Decision.ALLOWED, argv=argv))

    def completed(
        self, call: ToolCall, *, ok: bool, detail: str, exit_code: int | None = None, duration_ms: int | None = None
    ) -> None:
        """Put on record how an authorised call ended.

        The call has been made: that its end cannot be kept must not change what is said about its effect.
        """
        decision = Decision.COMPLETED if ok else Decision.FAILED
        try:
            self._audit(record_of(call, decision, detail=detail, exit_code=exit_code, duration_ms=duration_ms))
        except CountersignError as error:
            logger.warning("the end of a call is not in the audit", tool=call.tool, error=error.message)

    @contextmanager
    def on_record(self, call: ToolCall) -> Iterator[None]:
        """Put on record a refusal that is found while talking to the host (its key) or to Redis."""
        try:
            yield
        except GateRefused as refusal:
            self._refused(call, refusal)
            raise

    def unknown_host(self, *, caller: Caller, tool: str, written: str, parameters: Mapping[str, str]) -> None:
        """Put on record that a call named a host that the fleet does not have."""
        self._audit(refused_host(caller, tool=tool, written=written, parameters=parameters))

    def _judge(self, call: ToolCall, *, scope: Scope | None, with_trust: bool) -> Tool:
        tool = first_gate(call.tool, self.tools)
        second_gate(call.caller, scope or tool.scope, self._rules)
        third_gate(call.caller, call.host, self._rules)
        fourth_gate(tool, call.parameters, trust=call.caller.trust if with_trust else None)
        return tool

    def _fifth_gate(self, call: ToolCall) -> None:
        if self._rules.shadow:
            raise GateRefused(
                "The gateway is in shadow mode: it records what it would do and sends nothing.",
                gate=5,
                gate_code="shadow",
                hint="switch shadow off in the gateway's rules",
            )
        if self._keys is None or not self._keys.consume(call.binding):
            raise GateRefused(
                f"There is no unused approval key for this call of {call.tool} on {call.host.name}.",
                gate=5,
                gate_code="no_key",
                hint="only an execution that holds its claim gets one, for one call, for 600 s",
            )

    def _refused(
        self,
        call: ToolCall,
        refusal: GateRefused,
        *,
        decision: Decision = Decision.REFUSED,
        argv: tuple[tuple[str, ...], ...] = (),
    ) -> None:
        self._audit(record_of(call, decision, refusal=refusal, argv=argv))
