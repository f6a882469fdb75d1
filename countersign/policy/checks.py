"""The policy's answers to one action, in the order in which they are asked.

Three phases, because what is known grows: the request alone, then the plan made for the live target, then
what the target itself said to the plan. Each answers every question it can, so that a refusal names all
reasons at once. Facts are values of this module: the policy knows neither targets nor records.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from countersign.errors import KillSwitchOn, PolicyRefused, PreflightRefused
from countersign.policy.document import Policy
from countersign.policy.operations import CRITICAL_DELETIONS, READ_ONLY, matches_any
from countersign.policy.risk import RiskLevel
from countersign.texts import text


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
    lifted_by: UUID | None = None
    """The break-glass without which it would not have passed."""


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
    status: str | None
    """draft, approved or deprecated; None where it is not on record."""
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
            text("policy_check.rate_reached", count=recent_actions, limit=limit),
            text("policy_check.rate_hint"),
            room_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if room_at else None,
            passing=True,
            passes_at=room_at,
        )
    return Check(Question.RATE, True, text("policy_check.rate", count=recent_actions))


def check_playbook(facts: PlaybookFacts, *, automatic: bool) -> Check:
    """Answer whether the playbook may be run by whoever signed. With a person's signature any may."""
    if automatic and facts.people_only is not None:
        return Check(
            Question.PLAYBOOK,
            False,
            text("policy_check.people_only", name=facts.name, why=facts.people_only),
            text("policy_check.people_only_hint", name=facts.name),
        )
    if automatic and facts.status is None:
        return Check(
            Question.PLAYBOOK,
            False,
            text("policy_check.playbook_unknown", name=facts.name),
            text("policy_check.playbook_unknown_hint"),
        )
    if automatic and facts.status != "approved":
        return Check(
            Question.PLAYBOOK,
            False,
            text("policy_check.playbook_status", name=facts.name, status=text(f"playbook_status.{facts.status}")),
            text("policy_check.playbook_status_hint", name=facts.name),
        )
    if automatic and facts.waiting_version is not None:
        number = facts.waiting_version
        return Check(
            Question.PLAYBOOK,
            False,
            text("policy_check.playbook_version", number=number, name=facts.name),
            text("policy_check.playbook_version_hint", number=number, name=facts.name),
        )
    who = "playbook_automatic" if automatic else "playbook_by_person"
    return Check(Question.PLAYBOOK, True, text(f"policy_check.{who}", name=facts.name))


def check_plan(policy: Policy, facts: PlanFacts) -> tuple[Check, ...]:
    """Answer what the plan decides: how far it scales, and how many pods it disturbs."""
    return (_scale_factor(policy, facts), _scale_to(policy, facts), _affected_pods(policy, facts))


def check_kill_switch(policy: Policy, recorded: str | None) -> Check:
    """Answer whether anything may be done at all. `recorded` is why the switch in the records is on, or None."""
    if recorded is not None:
        return Check(
            Question.KILL_SWITCH,
            False,
            text("policy_check.kill_switch_on", why=recorded or text("policy_check.no_reason")),
            text("policy_check.kill_switch_hint"),
            passing=True,
        )
    if policy.kill_switch:
        return Check(
            Question.KILL_SWITCH,
            False,
            text("policy_check.policy_switch_on"),
            text("policy_check.policy_switch_hint"),
            passing=True,
        )
    return Check(Question.KILL_SWITCH, True, text("policy_check.kill_switch_off"))


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
            text("policy_check.not_allowed", operation=facts.operation, risk=_risk(facts.risk_level)),
            text("policy_check.not_allowed_hint", risks=text("policy_check.or").join(map(_risk, levels)))
            if levels
            else text("policy_check.allowed_nowhere"),
        )
    grave = [kind for kind in facts.kinds if kind in CRITICAL_DELETIONS]
    if facts.operation == "delete" and grave and facts.risk_level is not RiskLevel.CRITICAL:
        return Check(
            Question.OPERATION,
            False,
            text("policy_check.critical_deletion", kind=grave[0], risk=_risk(facts.risk_level)),
            text("policy_check.critical_deletion_hint"),
        )
    for kind in facts.kinds:
        if "." in kind and (refused := _custom(policy, facts, kind)) is not None:
            return refused
    if facts.automatic and not matches_any(facts.operation, policy.auto_approver.operations):
        return Check(
            Question.OPERATION,
            False,
            text("policy_check.not_automatic", operation=facts.operation),
            text("policy_check.not_automatic_hint"),
        )
    return Check(
        Question.OPERATION,
        True,
        text("policy_check.allowed", operation=facts.operation, risk=_risk(facts.risk_level)),
    )


def _custom(policy: Policy, facts: RequestFacts, kind: str) -> Check | None:
    """Return the refusal of a change to a custom resource that the policy does not list, None where it does."""
    listed = [entry for entry in policy.custom_resources if entry.means(kind)]
    if not listed:
        why = text("policy_check.custom_kind", kind=kind)
        hint = text("policy_check.custom_kind_hint")
        return Check(Question.OPERATION, False, why, hint)
    able = [entry for entry in listed if facts.operation in entry.operations]
    if not able:
        why = text("policy_check.custom_operation", operation=facts.operation, kind=kind)
        return Check(
            Question.OPERATION, False, why, text("policy_check.custom_operation_hint", operation=facts.operation)
        )
    refused = [entry.first_refused(facts.fields) for entry in able]
    if facts.operation == "patch" and None not in refused:
        why = text("policy_check.custom_field", field=refused[0], kind=kind)
        return Check(Question.OPERATION, False, why, text("policy_check.custom_field_hint"))
    return None


def _protected(policy: Policy, facts: RequestFacts) -> Check:
    if facts.operation in READ_ONLY:
        return Check(Question.PROTECTED, True, text("policy_check.reading_free"))
    for kind, value, patterns in (
        ("namespace", facts.namespace, policy.protected_namespaces),
        ("host", facts.host, policy.protected_hosts),
    ):
        if value is not None and matches_any(value, patterns):
            return Check(
                Question.PROTECTED,
                False,
                text(f"policy_check.protected_{kind}", name=value),
                text("policy_check.protected_hint", list=f"protected_{kind}s"),
            )
    return Check(Question.PROTECTED, True, text("policy_check.not_protected"))


def _freeze_window(policy: Policy, facts: RequestFacts, now: datetime) -> Check:
    if facts.operation in READ_ONLY:
        return Check(Question.FREEZE_WINDOW, True, text("policy_check.reading_not_frozen"))
    return _not_frozen(policy, now, namespace=facts.namespace, host=facts.host, what=text("policy_check.frozen"))


def check_disturbed(policy: Policy, namespaces: Iterable[str], now: datetime) -> tuple[Check, ...]:
    """Answer whether pods may be disturbed in the namespaces that a plan reaches (draining a node)."""
    return tuple(
        _not_frozen(
            policy, now, namespace=namespace, host=None, what=text("policy_check.frozen_there", namespace=namespace)
        )
        for namespace in sorted(namespaces)
    )


def _not_frozen(policy: Policy, now: datetime, *, namespace: str | None, host: str | None, what: str) -> Check:
    for window in policy.freeze_windows:
        if window.covers(namespace=namespace, host=host) and window.is_on(now):
            return Check(
                Question.FREEZE_WINDOW,
                False,
                f"{what}: {window.reason.rstrip('.')}",
                text("policy_check.freeze_hint", moment=window.until()),
                window.until(),
                passing=True,
                passes_at=window.ends(now),
            )
    return Check(Question.FREEZE_WINDOW, True, text("policy_check.no_freeze"))


def _scale_factor(policy: Policy, facts: PlanFacts) -> Check:
    limit, current, wanted = policy.max_scale_factor, facts.current_replicas, facts.wanted_replicas
    if limit is None:
        return Check(Question.SCALE_FACTOR, True, text("policy_check.no_limit"))
    if wanted is None:
        return _not_scaling(Question.SCALE_FACTOR, facts)
    if current is None:
        return _unknown(Question.SCALE_FACTOR, text("policy_check.replicas_now"))
    if wanted > current and wanted > limit * max(current, 1):
        most = int(limit * max(current, 1))
        return Check(
            Question.SCALE_FACTOR,
            False,
            text("policy_check.scale_factor", current=current, wanted=wanted, limit=f"{limit:g}"),
            text("policy_check.scale_factor_hint", most=most),
        )
    return Check(
        Question.SCALE_FACTOR,
        True,
        text("policy_check.scale_factor_within", current=current, wanted=wanted, limit=f"{limit:g}"),
    )


def _scale_to(policy: Policy, facts: PlanFacts) -> Check:
    limit, current, wanted = policy.max_scale_to, facts.current_replicas, facts.wanted_replicas
    if limit is None:
        return Check(Question.SCALE_TO, True, text("policy_check.no_limit"))
    if wanted is None:
        return _not_scaling(Question.SCALE_TO, facts)
    # Making a workload smaller is never refused for still being large.
    if wanted > limit and (current is None or wanted > current):
        return Check(
            Question.SCALE_TO,
            False,
            text("policy_check.scale_to", wanted=wanted, limit=limit),
            text("policy_check.scale_to_hint", limit=limit),
        )
    return Check(Question.SCALE_TO, True, text("policy_check.scale_to_within", wanted=wanted))


def _affected_pods(policy: Policy, facts: PlanFacts) -> Check:
    limit, pods = policy.max_affected_pods, facts.affected_pods
    if limit is None:
        return Check(Question.AFFECTED_PODS, True, text("policy_check.no_limit"))
    if pods is None:
        return Check(Question.AFFECTED_PODS, True, text("policy_check.pods_not_counted", operation=facts.operation))
    if pods > limit:
        return Check(
            Question.AFFECTED_PODS,
            False,
            text("policy_check.pods", count=pods, limit=limit),
            text("policy_check.pods_hint"),
        )
    return Check(Question.AFFECTED_PODS, True, text("policy_check.pods_within", count=pods, limit=limit))


def _not_scaling(question: Question, facts: PlanFacts) -> Check:
    if facts.operation == "scale":
        return _unknown(question, text("policy_check.replicas_wanted"))
    return Check(question, True, text("policy_check.not_scaling", operation=facts.operation))


def _risk(level: RiskLevel) -> str:
    return text(f"risk.{level.value}")


def _unknown(question: Question, what: str) -> Check:
    return Check(question, False, text("policy_check.unknown", what=what), text("policy_check.unknown_hint"))
