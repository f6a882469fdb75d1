"""The policy's answers to one action, in the order in which they are asked.

Three phases, because what is known grows: the request alone, then the plan made for the live target, then
what the target itself said to the plan. Each answers every question it can, so that a refusal names all
reasons at once. Facts are values of this module: the policy knows neither targets nor records.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from countersign.errors import KillSwitchOn, PolicyRefused, PreflightRefused
from countersign.policy.document import Policy
from countersign.policy.operations import CRITICAL_DELETIONS, READ_ONLY, matches_any
from countersign.policy.risk import RiskLevel


class Question(StrEnum):
    """What a check asks; stable names for records and metrics."""

    KILL_SWITCH = "kill_switch"
    FREEZE_WINDOW = "freeze_window"
    PROTECTED = "protected"
    OPERATION = "operation"
    PLAYBOOK = "playbook"
    RATE = "rate"
    SCALE_FACTOR = "scale_factor"
    SCALE_TO = "scale_to"
    AFFECTED_PODS = "affected_pods"
    PREFLIGHT = "preflight"


@dataclass(frozen=True)
class Check:
    """One question and its answer."""

    name: Question
    passed: bool
    reason: str
    """A clause without a full stop, for the record and for the refusal."""
    hint: str | None = None
    """What would work, if it did not pass."""
    until: str | None = None
    """When it will pass by itself, if it did not and time alone is against it."""
    passing: bool = False
    """Whether the refusal ends without anybody changing the request: a freeze, a rate, the kill switch."""
    passes_at: datetime | None = None
    """The moment that `until` tells, where there is one."""


@dataclass(frozen=True)
class RequestFacts:
    """What is known before the target is asked anything."""

    operation: str
    """A verb, a host tool, or "investigate" (countersign.policy.operations)."""
    risk_level: RiskLevel
    kinds: tuple[str, ...] = ()
    """The kinds of the objects that are acted on; none for hosts and investigations. Custom ones have a dot."""
    fields: tuple[str, ...] = ()
    """Of a patch: the fields that it changes, as dotted paths."""
    namespace: str | None = None
    """With the cluster's default filled in; None for hosts and cluster-scoped objects."""
    host: str | None = None
    automatic: bool = False
    """Only the auto-approver signed (VerifiedApproval.automatic)."""
    recent_actions: int | None = None
    """Actions on the same target in the hour before now (check_rate); None where the target's own name is not
    known yet, since another spelling of it must not get around the limit."""
    kill_switch: str | None = None
    """Why the kill switch in the records is on, or None if it is off."""


@dataclass(frozen=True)
class PlanFacts:
    """How much the plan touches; None is unknown."""

    operation: str
    affected_pods: int | None = None
    current_replicas: int | None = None
    wanted_replicas: int | None = None


@dataclass(frozen=True)
class PlaybookFacts:
    """The playbook that a request says it comes from."""

    name: str
    status: str
    """draft, approved or deprecated."""
    people_only: str | None = None
    """Why it is left to people, None where it is not."""
    waiting_version: int | None = None
    """The version that the action is, where that is not the one in use."""


def check_request(policy: Policy, facts: RequestFacts, now: datetime) -> tuple[Check, ...]:
    """Answer what the request alone decides. `now` is aware."""
    checks = (
        check_kill_switch(policy, facts.kill_switch),
        _operation(policy, facts),
        *check_place(policy, facts, now),
    )
    if facts.recent_actions is None:
        return checks
    return (*checks, check_rate(policy, facts.operation, facts.recent_actions))


def check_place(policy: Policy, facts: RequestFacts, now: datetime) -> tuple[Check, Check]:
    """Answer whether anything may be changed there now: protection and freeze windows.

    Asked again once the target's own name is known (with that name as `host` or `namespace`), since an address
    or another spelling of a protected host's name must not get around its protection.
    """
    return (_protected(policy, facts), _freeze_window(policy, facts, now))


def check_rate(policy: Policy, operation: str, recent_actions: int, *, room_at: datetime | None = None) -> Check:
    """Answer whether the target was acted on too often.

    `recent_actions` counts those in the hour before now, this one left out; for several targets the largest.
    `room_at` is when enough of them will be older.
    """
    limit = policy.max_actions_per_target_and_hour
    if limit is not None and operation not in READ_ONLY and recent_actions >= limit:
        return Check(
            Question.RATE,
            False,
            f"{recent_actions} actions on this target in the last hour, {limit} are allowed",
            "find out why it needs so many; the limit is max_actions_per_target_and_hour",
            room_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if room_at else None,
            passing=True,
            passes_at=room_at,
        )
    return Check(Question.RATE, True, f"{recent_actions} actions on this target in the last hour")


def check_playbook(facts: PlaybookFacts, *, automatic: bool) -> Check:
    """Answer whether the playbook may be run by whoever signed. With a person's signature any may."""
    if automatic and facts.people_only is not None:
        return Check(
            Question.PLAYBOOK,
            False,
            f"playbook {facts.name} is left to people: {facts.people_only}",
            f"have a person sign it; `countersign playbooks restore {facts.name}` gives it back to the auto-approver",
        )
    if automatic and facts.status != "approved":
        return Check(
            Question.PLAYBOOK,
            False,
            f"playbook {facts.name} is {facts.status}, and only an approved one runs without a person",
            f"have a person sign it, or approve the playbook: `countersign playbooks approve {facts.name}`",
        )
    if automatic and facts.waiting_version is not None:
        number = facts.waiting_version
        return Check(
            Question.PLAYBOOK,
            False,
            f"version {number} of playbook {facts.name} is not the one in use, and only that runs without a person",
            f"have a person sign it, or use it: `countersign playbooks approve {facts.name} --version {number}`",
        )
    who = "the auto-approver" if automatic else "a person's approval"
    return Check(Question.PLAYBOOK, True, f"playbook {facts.name} may be run with {who}")


def check_plan(policy: Policy, facts: PlanFacts) -> tuple[Check, ...]:
    """Answer what the plan decides: how far it scales, and how many pods it disturbs."""
    return (_scale_factor(policy, facts), _scale_to(policy, facts), _affected_pods(policy, facts))


def check_kill_switch(policy: Policy, recorded: str | None) -> Check:
    """Answer whether anything may be done at all. `recorded` is why the switch in the records is on, or None."""
    if recorded is not None:
        return Check(
            Question.KILL_SWITCH,
            False,
            f"the kill switch is on: {recorded or 'no reason given'}",
            "once it is off, file and sign a new request",
            passing=True,
        )
    if policy.kill_switch:
        return Check(
            Question.KILL_SWITCH,
            False,
            "the policy's kill_switch is on",
            "set kill_switch: false once it is safe",
            passing=True,
        )
    return Check(Question.KILL_SWITCH, True, "the kill switch is off")


def enforce(checks: Iterable[Check]) -> None:
    """Raise if any check failed, with every reason in one sentence.

    KillSwitchOn if the kill switch is among them, PreflightRefused if only preflight is, else PolicyRefused.
    """
    failed = [check for check in checks if not check.passed]
    if not failed:
        return
    names = {check.name for check in failed}
    message = "; ".join(check.reason for check in failed)
    hint = "; ".join(dict.fromkeys(check.hint for check in failed if check.hint)) or None
    passing = all(check.passing for check in failed)
    passes_at = max((check.passes_at for check in failed if check.passes_at), default=None)
    if Question.KILL_SWITCH in names:
        raise KillSwitchOn(message, hint=hint, passing=passing, passes_at=passes_at)
    if names == {Question.PREFLIGHT}:
        raise PreflightRefused(message, hint=hint)
    raise PolicyRefused(message, hint=hint, passing=passing, passes_at=passes_at)


def _operation(policy: Policy, facts: RequestFacts) -> Check:
    allowed = policy.allowed_operations.at(facts.risk_level)
    if not matches_any(facts.operation, allowed):
        levels = [risk for risk in RiskLevel if matches_any(facts.operation, policy.allowed_operations.at(risk))]
        return Check(
            Question.OPERATION,
            False,
            f"{facts.operation} is not allowed for a request of {facts.risk_level} risk",
            f"file it as {' or '.join(levels)} risk" if levels else "the policy allows it at no risk level",
        )
    grave = [kind for kind in facts.kinds if kind in CRITICAL_DELETIONS]
    if facts.operation == "delete" and grave and facts.risk_level is not RiskLevel.CRITICAL:
        return Check(
            Question.OPERATION,
            False,
            f"a {grave[0]} is deleted at critical risk only, and this request is of {facts.risk_level} risk",
            "file it as critical risk, so that whoever signs it knows",
        )
    for kind in facts.kinds:
        if "." in kind and (refused := _custom(policy, facts, kind)) is not None:
            return refused
    if facts.automatic and not matches_any(facts.operation, policy.auto_approver.operations):
        return Check(
            Question.OPERATION,
            False,
            f"{facts.operation} is not among the operations that the auto-approver decides alone",
            "have a person sign it, or add it to auto_approver.operations",
        )
    return Check(Question.OPERATION, True, f"{facts.operation} is allowed for {facts.risk_level} risk")


def _custom(policy: Policy, facts: RequestFacts, kind: str) -> Check | None:
    """Return the refusal of a change to a custom resource that the policy does not list, None where it does."""
    listed = [entry for entry in policy.custom_resources if entry.means(kind)]
    if not listed:
        why = f"{kind} is not among the policy's custom_resources"
        hint = "list its group and kind there, with the operations and, for patch, the fields that may be changed"
        return Check(Question.OPERATION, False, why, hint)
    able = [entry for entry in listed if facts.operation in entry.operations]
    if not able:
        why = f"{facts.operation} of {kind} is not among the operations that custom_resources allows"
        return Check(Question.OPERATION, False, why, f"add {facts.operation} to the operations of its entry")
    refused = [entry.first_refused(facts.fields) for entry in able]
    if facts.operation == "patch" and None not in refused:
        why = f"the field {refused[0]} of {kind} is not among the fields that custom_resources allows"
        return Check(Question.OPERATION, False, why, "patch less, or add the field to the fields of its entry")
    return None


def _protected(policy: Policy, facts: RequestFacts) -> Check:
    if facts.operation in READ_ONLY:
        return Check(Question.PROTECTED, True, "reading is not restricted")
    for kind, value, patterns in (
        ("namespace", facts.namespace, policy.protected_namespaces),
        ("host", facts.host, policy.protected_hosts),
    ):
        if value is not None and matches_any(value, patterns):
            return Check(
                Question.PROTECTED,
                False,
                f"{kind} {value} is protected",
                f"change it by hand, or take it out of protected_{kind}s",
            )
    return Check(Question.PROTECTED, True, "the target is not protected")


def _freeze_window(policy: Policy, facts: RequestFacts, now: datetime) -> Check:
    if facts.operation in READ_ONLY:
        return Check(Question.FREEZE_WINDOW, True, "reading is not frozen")
    return _not_frozen(policy, now, namespace=facts.namespace, host=facts.host, what="a freeze is on")


def check_disturbed(policy: Policy, namespaces: Iterable[str], now: datetime) -> tuple[Check, ...]:
    """Answer whether pods may be disturbed in the namespaces that a plan reaches (draining a node)."""
    return tuple(
        _not_frozen(policy, now, namespace=namespace, host=None, what=f"a freeze is on in {namespace}")
        for namespace in sorted(namespaces)
    )


def _not_frozen(policy: Policy, now: datetime, *, namespace: str | None, host: str | None, what: str) -> Check:
    for window in policy.freeze_windows:
        if window.covers(namespace=namespace, host=host) and window.is_on(now):
            return Check(
                Question.FREEZE_WINDOW,
                False,
                f"{what}: {window.reason.rstrip('.')}",
                f"file it again after {window.until()}, or have it wait: --wait-for-window",
                window.until(),
                passing=True,
                passes_at=window.ends(now),
            )
    return Check(Question.FREEZE_WINDOW, True, "no freeze is on")


def _scale_factor(policy: Policy, facts: PlanFacts) -> Check:
    limit, current, wanted = policy.max_scale_factor, facts.current_replicas, facts.wanted_replicas
    if limit is None:
        return Check(Question.SCALE_FACTOR, True, "there is no limit")
    if wanted is None:
        return _not_scaling(Question.SCALE_FACTOR, facts)
    if current is None:
        return _unknown(Question.SCALE_FACTOR, "how many replicas there are now")
    if wanted > current and wanted > limit * max(current, 1):
        most = int(limit * max(current, 1))
        return Check(
            Question.SCALE_FACTOR,
            False,
            f"scaling from {current} to {wanted} replicas is more than {limit:g} times as many",
            f"scale to at most {most} at once; the limit is max_scale_factor",
        )
    return Check(Question.SCALE_FACTOR, True, f"from {current} to {wanted} replicas is within {limit:g} times")


def _scale_to(policy: Policy, facts: PlanFacts) -> Check:
    limit, current, wanted = policy.max_scale_to, facts.current_replicas, facts.wanted_replicas
    if limit is None:
        return Check(Question.SCALE_TO, True, "there is no limit")
    if wanted is None:
        return _not_scaling(Question.SCALE_TO, facts)
    # Making a workload smaller is never refused for still being large.
    if wanted > limit and (current is None or wanted > current):
        return Check(
            Question.SCALE_TO,
            False,
            f"{wanted} replicas are more than the {limit} that are allowed",
            f"scale to at most {limit}; the limit is max_scale_to",
        )
    return Check(Question.SCALE_TO, True, f"{wanted} replicas are allowed")


def _affected_pods(policy: Policy, facts: PlanFacts) -> Check:
    limit, pods = policy.max_affected_pods, facts.affected_pods
    if limit is None:
        return Check(Question.AFFECTED_PODS, True, "there is no limit")
    if pods is None:
        return Check(Question.AFFECTED_PODS, True, f"{facts.operation} disturbs no counted pods")
    if pods > limit:
        return Check(
            Question.AFFECTED_PODS,
            False,
            f"{pods} pods would be disturbed, {limit} are allowed",
            "act on less at once; the limit is max_affected_pods",
        )
    return Check(Question.AFFECTED_PODS, True, f"{pods} of at most {limit} pods are disturbed")


def _not_scaling(question: Question, facts: PlanFacts) -> Check:
    if facts.operation == "scale":
        return _unknown(question, "how many replicas are wanted")
    return Check(question, True, f"{facts.operation} does not scale")


def _unknown(question: Question, what: str) -> Check:
    return Check(question, False, f"the plan does not say {what}", "a limit cannot be checked against the unknown")
