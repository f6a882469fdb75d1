"""The checks before anything happens: approved and current, signed as it stands, allowed by the policy."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import Session

from countersign.actions.operation import (
    HostOperation,
    Investigation,
    KubernetesOperation,
    Observation,
    Operation,
    PatchParameters,
    Reading,
)
from countersign.errors import ApprovalExpired, NotApproved, NotTrusted, Tampered
from countersign.execution.break_glass import lifted
from countersign.execution.filing import parameters_of, signed_content, target_of
from countersign.execution.place_identity import CLUSTER, HOST, require_same
from countersign.execution.plan_seal import require_nothing_sent_before
from countersign.execution.playbook_steps import steps_hashes_of
from countersign.execution.scope import policy_for
from countersign.execution.services import Services
from countersign.policy.approval import RecordedSignature, VerifiedApproval, verify_approval
from countersign.policy.checks import (
    Check,
    PlanFacts,
    PlaybookFacts,
    RequestFacts,
    check_disturbed,
    check_kill_switch,
    check_place,
    check_plan,
    check_playbook,
    check_rate,
    check_request,
    enforce,
)
from countersign.policy.custom import leaves
from countersign.policy.document import Policy
from countersign.policy.operations import INVESTIGATE
from countersign.policy.risk import RiskLevel
from countersign.records.approvals import signatures_of
from countersign.records.control import kill_switch
from countersign.records.database.engine import clock, statements
from countersign.records.owned import Owned
from countersign.records.playbooks import NAME_LIMIT, find_playbook, playbook_with_id, versions_with_steps
from countersign.records.queries import count_recent_executions, recent_executions_at
from countersign.records.states import ApprovalStatus, PlaybookStatus
from countersign.records.tables import Approval, Playbook, PlaybookVersion
from countersign.targets.kubernetes.kinds import api_kind
from countersign.targets.model import ObjectRef, Plan, Resolution


def check_approved(services: Services, approval: Approval, *, dry_run: bool) -> None:
    """Raise ApprovalExpired, by the database's clock, or NotApproved; OutcomeUnknown where an earlier try is not what
    it is said to be. Only a dry run can meet an approval that was not claimed.
    """
    if approval.expires_at is not None:
        with statements(services.engine) as session:
            if approval.expires_at <= clock(session):
                raise ApprovalExpired.at(approval.expires_at)
    if not dry_run:
        require_nothing_sent_before(services.engine, services.seal, approval.id)
    elif approval.status is not ApprovalStatus.APPROVED:
        raise NotApproved(f"The approval is {approval.status}.", hint="have it signed first")


def check_reading(services: Services, approval: Approval, description: Mapping[str, Any]) -> None:
    """Raise unless the action still reads to the target and the parameters that were signed.

    Raises Tampered, or NotTrusted where only the cluster block has changed since, or NotApproved.
    """
    signed = approval.target or {}
    kind = description.get("kind")
    if "cluster" not in signed and kind and api_kind(kind).namespaced and not description.get("namespace"):
        raise NotApproved(
            "The action names no namespace, and no cluster was known when it was filed: nobody signed where it acts.",
            hint="file it with -n NAMESPACE",
        )
    if signed.get("cluster") is not None and description.get("cluster") not in (None, signed["cluster"]):
        raise _not_as_signed("target")
    plain = target_of(description)
    placed = plain
    if "cluster" in signed:
        placed = target_of(description, services.clusters.signed(signed))
    elif HOST in signed:
        placed = target_of(description, fleet=services.the_fleet())
    for name, found in ((CLUSTER, signed.get("cluster")), (HOST, signed.get("host"))):
        require_same(signed.get(name), placed.get(name), name=str(found))
        if name not in signed:
            placed.pop(name, None)
    if approval.parameters != parameters_of(description):
        raise _not_as_signed("parameters")
    if signed == placed:
        return
    if "cluster" in signed and {**signed, **plain} == signed and {**placed, **plain} == placed:
        raise NotTrusted(
            f"It was signed for {_place(signed)}; the cluster block now means {_place(placed)}.",
            hint="file and sign it again, or restore the block",
        )
    raise _not_as_signed("target")


def _not_as_signed(what: str) -> Tampered:
    return Tampered(
        f"The signed {what} is not what the action reads to.",
        hint="nothing is executed; file the action anew and have it signed",
    )


def _place(target: Mapping[str, Any]) -> str:
    namespace = f", namespace {target['namespace']}" if target.get("namespace") else ""
    return f"cluster {target['cluster']}{namespace}"


def verified_signatures(services: Services, approval: Approval) -> VerifiedApproval:
    """Verify that enough people approved exactly what the record holds now. Raises NotApproved or Tampered."""
    with statements(services.engine) as session:
        recorded = recorded_signatures(session, approval)
    return verify_approval(
        signed_content(approval),
        recorded,
        approval_id=approval.id,
        policy=policy_for(services, approval),
        secrets=services.signing_secrets,
    )


def recorded_signatures(session: Session, approval: Approval) -> list[RecordedSignature]:
    """Return the approval's signatures as the policy reads them."""
    return [
        RecordedSignature(
            signer=row.signer,
            decision=row.decision,
            comment=row.comment,
            algorithm=row.algorithm,
            key_id=row.key_id,
            value=row.value,
            at=row.created_at,
            form=row.form,
        )
        for row in signatures_of(session, approval.id)
    ]


def request_checks(
    services: Services, approval: Approval, reading: Reading, *, automatic: bool, now: datetime
) -> tuple[Check, ...]:
    """Ask the policy about the request alone. An observation does nothing, so there is nothing to ask."""
    facts = _facts(services, approval, reading, automatic=automatic, kill_switch=_recorded_kill_switch(services))
    if facts is None:
        return ()
    policy = policy_for(services, approval)
    answers = (*check_request(policy, facts, now), *_playbook_checks(services, approval, automatic=automatic))
    return lifted(services, approval, answers)


def _playbook_checks(services: Services, approval: Approval, *, automatic: bool) -> tuple[Check, ...]:
    """Ask about the playbook that the request names. One not on record needs a person's signature.

    Where nobody signed, the playbooks that say what the action does are asked about too, named or not.
    """
    named, checks = approval.matched_playbook_id, []
    with statements(services.engine) as session:
        found = find_playbook(session, named) if named else None
        says_it = _versions_that_say(session, approval) if automatic else []
        others = [playbook_with_id(session, one) for one in dict.fromkeys(row.playbook_id for row in says_it)]
    if found is not None:
        facts = replace(_facts_of(found), waiting_version=_waiting_version(found, says_it))
        checks.append(check_playbook(facts, automatic=automatic))
    elif named and automatic:
        checks.append(check_playbook(PlaybookFacts(named[:NAME_LIMIT], None), automatic=True))
    for playbook in others:
        taken_away = playbook.people_only_reason is not None or playbook.status is PlaybookStatus.DEPRECATED
        if taken_away and (found is None or playbook.id != found.id):
            checks.append(check_playbook(_facts_of(playbook), automatic=True))
    return tuple(checks)


def _versions_that_say(session: Session, approval: Approval) -> list[PlaybookVersion]:
    return [one for steps in steps_hashes_of(approval) for one in versions_with_steps(session, steps)]


def _waiting_version(playbook: Playbook, says_it: Sequence[PlaybookVersion]) -> int | None:
    """Return the version of the playbook that the action is, None where the one in use says the same."""
    own = [one for one in says_it if one.playbook_id == playbook.id]
    in_use = any(one.steps_hash == playbook.steps_hash for one in own)
    return None if in_use or not own else max(one.version for one in own)


def _facts_of(playbook: Playbook) -> PlaybookFacts:
    return PlaybookFacts(playbook.name, playbook.status.value, playbook.people_only_reason)


def _facts(
    services: Services,
    approval: Approval,
    reading: Reading,
    *,
    automatic: bool = False,
    kill_switch: str | None = None,
) -> RequestFacts | None:
    """Return what the policy is asked about, None for an observation, which does nothing."""
    match reading:
        case Observation():
            return None
        case Investigation():
            operation, namespace, host = INVESTIGATE, None, None
        case KubernetesOperation():
            operation, namespace, host = reading.verb.value, _namespace_of(services, approval, reading), None
        case HostOperation():
            operation, namespace, host = reading.tool, None, reading.host
    return RequestFacts(
        operation=operation,
        risk_level=RiskLevel(approval.risk_level),
        kinds=tuple(group.kind for group in reading.objects) if isinstance(reading, KubernetesOperation) else (),
        fields=_fields(reading),
        namespace=namespace,
        host=host,
        automatic=automatic,
        kill_switch=kill_switch,
    )


def _fields(reading: Reading) -> tuple[str, ...]:
    if isinstance(reading, KubernetesOperation) and isinstance(reading.parameters, PatchParameters):
        return tuple(leaves(json.loads(reading.parameters.patch)))
    return ()


def _namespace_of(services: Services, approval: Approval, operation: KubernetesOperation) -> str | None:
    """Return the namespace that `operation` is about; None for objects that have none."""
    if not api_kind(operation.kind).namespaced:
        return None
    return operation.namespace or services.clusters.signed(approval.target).default_namespace


def target_checks(
    services: Services,
    approval: Approval,
    operation: Operation,
    resolution: Resolution,
    owned: Owned,
    *,
    now: datetime,
) -> tuple[Check, ...]:
    """Ask the policy again under the objects' own names, and whether they were acted on too often in the last hour.

    Another spelling of a name must get around neither a protection nor a limit.
    """
    facts, policy = _facts(services, approval, operation), policy_for(services, approval)
    assert facts is not None
    places = _places(services, approval, operation, resolution.refs, now=now)
    answers = (*places, _rate_check(services, policy, facts.operation, resolution, owned, now=now))
    return lifted(services, approval, answers)


def _rate_check(
    services: Services, policy: Policy, operation: str, resolution: Resolution, owned: Owned, *, now: datetime
) -> Check:
    hour = timedelta(hours=1)
    with statements(services.engine) as session:
        counts = {
            ref.key: count_recent_executions(session, ref.key, now - hour, except_for=owned.execution_id)
            for ref in resolution.refs
        }
        most = max(counts.values(), default=0)
        check = check_rate(policy, operation, most)
        limit = policy.max_actions_per_target_and_hour
        if check.passed or limit is None:
            return check
        busiest = next(key for key, count in counts.items() if count == most)
        times = recent_executions_at(session, busiest, now - hour, except_for=owned.execution_id)
    room_at = times[len(times) - limit] + hour if len(times) >= limit else None
    return check_rate(policy, operation, most, room_at=room_at)


def _places(
    services: Services, approval: Approval, operation: Operation, refs: Sequence[ObjectRef], *, now: datetime
) -> list[Check]:
    """Return what the policy has against the places of `refs`."""
    facts, policy = _facts(services, approval, operation), policy_for(services, approval)
    assert facts is not None
    places: list[Check] = []
    for ref in refs:
        # Who changes a namespace's labels changes what holds in it, so the object is where its contents are.
        namespace = ref.name if ref.kind == "Namespace" else ref.namespace
        place = replace(facts, host=ref.name) if facts.host else replace(facts, namespace=namespace)
        places += [check for check in check_place(policy, place, now) if not check.passed]
    return places


def plan_checks(services: Services, approval: Approval, plan: Plan, *, now: datetime) -> tuple[Check, ...]:
    """Ask the policy about the size and the reach of the plan. One that sends nothing is not asked about."""
    if not plan.steps:
        return ()
    facts = PlanFacts(
        operation=plan.verb,
        affected_pods=plan.impact.affected_pods,
        current_replicas=plan.impact.current_replicas,
        wanted_replicas=plan.impact.wanted_replicas,
    )
    own = {ref.namespace for ref in plan.refs}
    reached = {step.ref.namespace for step in plan.steps if step.ref.namespace and step.ref.namespace not in own}
    policy = policy_for(services, approval)
    return lifted(services, approval, (*check_plan(policy, facts), *check_disturbed(policy, reached, now)))


def require_still_allowed(
    current: Services, approval: Approval, reading: Reading, refs: Sequence[ObjectRef]
) -> tuple[Check, ...]:
    """Ask everything again that may have changed since the run began, from the policy and the clock of this moment:
    the kill switch, the signers and whether their signatures still suffice, the policy's rules, freezes that began.

    `current` has the policy as it was just read. Returns what break-glass alone lets pass. Raises KillSwitchOn,
    NotApproved, Tampered, PolicyRefused.
    """
    now = datetime.now(UTC)
    enforce([check_kill_switch(current.policy, _recorded_kill_switch(current))])
    verified = verified_signatures(current, approval)
    answers = request_checks(current, approval, reading, automatic=verified.automatic, now=now)
    enforce(answers)
    if isinstance(reading, KubernetesOperation | HostOperation):
        places = lifted(current, approval, _places(current, approval, reading, refs, now=now))
        enforce(places)
        answers = (*answers, *places)
    return tuple(each for each in answers if each.lifted_by is not None)


def kill_switch_check(services: Services) -> Check:
    """Read the kill switch of the policy and of the records afresh."""
    return check_kill_switch(services.reread_policy(), _recorded_kill_switch(services))


def _recorded_kill_switch(services: Services) -> str | None:
    """Return why the kill switch in the records is on, or None."""
    with statements(services.engine) as session:
        switch = kill_switch(session)
    return f"{switch.reason} ({switch.changed_by})" if switch.is_on else None
