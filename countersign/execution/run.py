"""One run of one approval: the phases in the order in which they happen, each one method.

The flow calls the phases as tasks; `countersign.execution.direct_run` calls them in a row. A phase raises an error of
countersign.errors, and `settle` turns what is known then into the outcome. Nothing here knows Prefect.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event
from typing import Any, assert_never
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from countersign.actions import describe, read_action
from countersign.actions.operation import HostOperation, Investigation, KubernetesOperation, Observation
from countersign.errors import CountersignError, PlanOutdated, StaleFence, Stopped, Tampered, TargetHeld
from countersign.execution import break_glass, bystander, checks, plan_records
from countersign.execution.bystander import RunningElsewhere
from countersign.execution.conclusion import conclude
from countersign.execution.fault_points import At, unnoticed
from countersign.execution.performance import Performance, lease_needed, patience, progress_of
from countersign.execution.plan_binding import require_own
from countersign.execution.plan_seal import SealedJournal, disbelieved, store, stored_plan
from countersign.execution.probes import BEFORE_SECONDS, answers_json, ask_all, names_in, probes_for
from countersign.execution.progress import NOTHING, Progress
from countersign.execution.readiness import require_ready
from countersign.execution.report import Report
from countersign.execution.resolution_count import counted
from countersign.execution.run_state import Known
from countersign.execution.scope import policy_for
from countersign.execution.services import Services
from countersign.execution.settlement import first_report, put_on_record
from countersign.execution.target_access import OnBehalfOf, open_target, same_cluster
from countersign.execution.wording import asked_for
from countersign.logging import get_logger
from countersign.policy.checks import Check, enforce
from countersign.policy.findings import decide_findings
from countersign.records import claims, operation_log, refusals, timeline
from countersign.records.approvals import expire_due, get_approval
from countersign.records.claims import Claim, ClaimResult
from countersign.records.database.engine import statements, transaction
from countersign.records.holds import HeldBy
from countersign.records.owned import Owned
from countersign.records.queries import get_execution
from countersign.records.states import ApprovalStatus, EventStatus
from countersign.records.tables import Approval
from countersign.targets.hosts.keeping import KeptSessions
from countersign.targets.model import Plan, Resolution, Target
from countersign.texts import text

logger = get_logger(__name__)
ACTOR, ROLE = "countersign", "executor"


class Run:
    """What one run does and what it knows. Phases are called in order, one at a time."""

    known: Known

    def __init__(
        self,
        services: Services,
        approval_id: UUID,
        *,
        dry_run: bool = False,
        worker: str,
        flow_run_id: str | None = None,
        at: At = unnoticed,
    ) -> None:
        self.services = services
        self.approval_id = approval_id
        self.dry_run = dry_run
        self.worker = worker
        self.flow_run_id = flow_run_id
        self.at = at
        self.stop = Event()
        """Set to keep the run from sending anything more."""
        self._planned_again = False
        self._hosts = KeptSessions()

    def approval(self) -> Approval:
        """Return the approval as it is on record. Raises NotFound, DatabaseUnavailable."""
        with statements(self.services.engine) as session:
            return get_approval(session, self.approval_id)

    # --- whose it is ----------------------------------------------------------------------------------

    def ready(self) -> None:
        """Refuse to begin with a configuration that cannot work. Raises what `require_ready` raises."""
        require_ready(self.services, self.approval_id, dry_run=self.dry_run)

    def claim(self) -> Report | RunningElsewhere | None:
        """Make the execution this run's (None), or return the report of what became of it, or who is at it.

        Raises NotFound, DatabaseUnavailable.
        """
        lease = self.services.settings.lease_seconds
        with transaction(self.services.engine) as session:
            if self.dry_run:
                execution = claims.start_dry_run(
                    session, self.approval_id, worker=self.worker, flow_run_id=self.flow_run_id, lease_seconds=lease
                )
                self.known = Known(get_approval(session, self.approval_id), Owned(execution.id, execution.fence))
                return None
            claim = claims.claim(
                session, self.approval_id, worker=self.worker, flow_run_id=self.flow_run_id, lease_seconds=lease
            )
            if claim.result is ClaimResult.NOT_CLAIMABLE and claim.status is ApprovalStatus.APPROVED:
                expire_due(session)
            approval = get_approval(session, self.approval_id)
            if claim.result is ClaimResult.FINISHED and claim.execution_id:
                return first_report(get_execution(session, claim.execution_id))
        match claim.result:
            case ClaimResult.CLAIMED | ClaimResult.TAKEN_OVER:
                assert claim.owned is not None
                taken_over = claim.result is ClaimResult.TAKEN_OVER
                decided = plan_records.decided_by(self.services.engine, claim.owned) if taken_over else None
                self.known = Known(approval, claim.owned, taken_over=taken_over, policy=decided)
                self.at("claimed")
                return None
            case ClaimResult.HELD:
                assert claim.execution_id is not None
                return RunningElsewhere(approval, claim.execution_id, claim.worker or "", claim.flow_run_id or "")
            case ClaimResult.NOT_CLAIMABLE | ClaimResult.FINISHED:
                return self._not_claimable(approval, claim)
            case _:
                assert_never(claim.result)

    def plans_again(self, error: CountersignError | None) -> bool:
        """Tell whether a plan is made anew after `error`: once, where the target moved by itself meanwhile."""
        again = isinstance(error, PlanOutdated) and not self._planned_again and not self._begun()
        self._planned_again = self._planned_again or again
        return again

    def attempted(self, number: int) -> None:
        """Note the attempt (from 1) that a phase is at."""
        self.known.attempts = max(self.known.attempts, number)

    def begin_again(self) -> None:
        """Forget that this run was stopped, since it was stopped for an execution that it has lost."""
        self.stop = Event()

    def extend_lease(self) -> None:
        """Say that this run is alive. Raises StaleFence once it has lost the execution."""
        with statements(self.services.engine) as session:
            claims.extend_lease(session, self.known.owned, self.services.settings.lease_seconds)

    def open_log(self) -> None:
        """Open the operation log and tell the timeline. A record that cannot be opened does not stop the action."""
        try:
            with statements(self.services.engine) as session:
                operation_log.open_log(
                    session,
                    self.known.owned.execution_id,
                    actor=ACTOR,
                    input=asked_for(self.known.approval, dry_run=self.dry_run),
                )
            self._tell("execution_taken_over" if self.known.taken_over else "execution_started")
        except (CountersignError, SQLAlchemyError) as error:
            logger.warning("operation log not opened; settling writes it", error=type(error).__name__)

    # --- what it means --------------------------------------------------------------------------------

    def read(self) -> None:
        """Read the action. Raises ParseFailure."""
        self.known.reading = read_action(self.known.approval.action)
        self.known.description = describe(self.known.reading)

    def check(self) -> None:
        """Check what was approved, by whom, and whether the policy allows it now.

        A run that takes over what was begun is past these checks: it has to end with the truth. Raises NotApproved,
        ApprovalExpired, Tampered, PolicyRefused, KillSwitchOn.
        """
        self.known.plan = stored_plan(self.services.engine, self.services.seal, self.known.owned.execution_id)
        self._require_own_plan()
        if self._begun():
            return
        known, now = self.known, datetime.now(UTC)
        assert known.reading is not None
        known.policy = plan_records.note_decided_by(self.services, known.owned)
        checks.check_approved(self.services, known.approval, dry_run=self.dry_run)
        verified = checks.verified_signatures(self.services, known.approval)
        known.signers = verified.signers
        checks.check_reading(self.services, known.approval, known.description)
        answers = checks.request_checks(
            self.services, known.approval, known.reading, automatic=verified.automatic, now=now
        )
        self._note(answers)

    # --- what will be sent ----------------------------------------------------------------------------

    def resolve(self) -> Resolution | None:
        """Find the objects. None where there is nothing to plan: no mutation, or begun by an earlier owner.

        Raises TargetNotFound, PolicyRefused (too many actions on the target), TransientTargetError.
        """
        operation = self.known.reading
        if not isinstance(operation, KubernetesOperation | HostOperation) or self._begun():
            return None
        with counted(self.services.engine) as looking, self._target(operation) as target:
            looking.found = resolution = target.resolve(operation)
        self.known.resolution = resolution
        self._ask_about_target(operation, resolution)
        return resolution

    def hold(self, resolution: Resolution) -> HeldBy | None:
        """Take the objects for this execution alone, or return who has one of them."""
        return plan_records.hold(self.services.engine, self.known.owned, resolution)

    def held(self, holder: HeldBy) -> TargetHeld:
        """Return the error of a run that waited for `holder` in vain."""
        return plan_records.held(holder)

    def plan(self, resolution: Resolution) -> None:
        """Fix the plan, put it on record, and ask the policy and the target about it.

        What was asked about the place and its limits is asked again: the run may have waited for the target, and
        those that it waited for count. A plan from which nothing was sent is made anew: what it was made for may
        have changed since.

        Raises PolicyRefused, PreflightRefused, TransientTargetError, PermanentTargetError.
        """
        known, services = self.known, self.services
        operation = known.reading
        assert isinstance(operation, KubernetesOperation | HostOperation)
        self._ask_about_target(operation, resolution)
        with self._target(operation, known.plan) as target, target.moment():
            made = target.plan(operation, resolution, at=datetime.now(UTC))
            known.plan = plan = store(services.engine, services.seal, known.owned, made)
            size = checks.plan_checks(services, known.approval, plan, now=datetime.now(UTC))
            self._note(size)
            known.findings = target.preflight(plan)
            enforce(decide_findings(policy_for(services, known.approval), known.findings))
            known.before = target.observe(plan)
        plan_records.keep_before(services.engine, known.owned, known.before, asked=self._asked_before(plan))
        self._tell("plan_made", count=len(plan.steps), targets=", ".join(map(str, plan.refs)))
        self.at("planned")

    def _asked_before(self, plan: Plan) -> Mapping[str, Any] | None:
        """Ask the policy's probes about the time before the effect, for as long as it does not hold the action up."""
        approval = self.known.approval
        probes, _unknown = probes_for(policy_for(self.services, approval), plan, names_in(approval.details))
        return answers_json(ask_all(probes, at_most=BEFORE_SECONDS)) if probes else None

    # --- the effect -----------------------------------------------------------------------------------

    def perform(self, *, attempt: int) -> Progress:
        """Send what has not landed. `attempt` counts from 1. Raises what Performance.perform raises."""
        known, settings = self.known, self.services.settings
        self.attempted(attempt)
        if not isinstance(known.reading, Observation) and not self._begun():
            # The run may have waited since this was checked: for the target, or for another attempt.
            checks.check_approved(self.services, known.approval, dry_run=False)
        if isinstance(known.reading, Investigation):
            self._may_send()
            cluster = same_cluster(self.services, known.approval, None)
            known.evidence = self.services.investigate(known.reading, cluster)
        if not isinstance(known.reading, KubernetesOperation | HostOperation) or known.plan is None:
            return NOTHING
        self._require_own_plan()
        with closing(self._hosts), self._target(known.reading, known.plan) as target:
            return Performance(
                journal=SealedJournal(self.services.engine, self.services.seal, known.owned),
                owned=known.owned,
                plan=known.plan,
                target=target,
                attempt=attempt,
                lease_needed_seconds=lease_needed(settings),
                late_effect_seconds=patience(settings, attempt),
                stop=self.stop,
                may_send=self._may_send,
                at=self.at,
            ).perform()

    def warn_of_retry(self, error: CountersignError, *, attempt: int, seconds: float) -> None:
        """Leave a warning on the timeline before another attempt."""
        self._tell("retry", EventStatus.WARNING, description=error.message, attempt=attempt, seconds=round(seconds))

    def progress(self) -> Progress:
        """Read from the journal how far the plan got."""
        if self.known.plan is None:
            return NOTHING
        return progress_of(self.services.engine, self.services.seal, self.known.owned.execution_id, self.known.plan)

    # --- the record -----------------------------------------------------------------------------------

    def settle(self, error: CountersignError | None) -> Report:
        """Put the outcome on record, once, and return the report.

        Raises StaleFence if another run has settled it or taken it over.
        """
        self._hosts.close()
        tampered = error if isinstance(error, Tampered) else None
        try:
            if self.known.plan is None:
                # A run that ends before its checks does not know yet what an earlier owner may have sent.
                self.known.plan = stored_plan(self.services.engine, self.services.seal, self.known.owned.execution_id)
            progress = self.progress()
        except Tampered as found:
            tampered, self.known.plan, progress = found, None, NOTHING
            error = disbelieved(self.services.engine, self.known.owned.execution_id, found)
        refusals.tell(self.services.engine, tampered or error, approval_id=self.approval_id, actor=self.worker)
        conclusion = conclude(error, self.known, progress, dry_run=self.dry_run)
        report = put_on_record(self.services.engine, self.known, conclusion, progress, dry_run=self.dry_run)
        self.at("settled")
        return report

    def cancel(self) -> Report | None:
        """Put on record that this run was cancelled; None where it has no execution, or has it no more."""
        if not hasattr(self, "known"):
            return None
        try:
            return self.settle(Stopped())
        except StaleFence:
            return None

    def still_running(self, elsewhere: RunningElsewhere, *, waited: bool = True) -> Report:
        """Return the report of a run that waited for another one's result and did not get it in time, or did not
        wait.
        """
        seconds = self.services.settings.follow_seconds if waited else 0.0
        return bystander.still_running(elsewhere, waited_seconds=seconds)

    def _ask_about_target(self, operation: KubernetesOperation | HostOperation, resolution: Resolution) -> None:
        self._note(
            checks.target_checks(
                self.services, self.known.approval, operation, resolution, self.known.owned, now=datetime.now(UTC)
            )
        )

    def _may_send(self) -> None:
        """Raise what checks.require_still_allowed raises."""
        known = self.known
        assert known.reading is not None
        refs = known.plan.refs if known.plan else ()
        current = replace(self.services, policy=self.services.reread_policy())
        known.policy = plan_records.note_changed(current, known.owned, known.policy)
        lifted = checks.require_still_allowed(current, known.approval, known.reading, refs)
        break_glass.note_uses(self.services.engine, known, lifted)

    def _require_own_plan(self) -> None:
        known = self.known
        if known.plan is not None and isinstance(known.reading, KubernetesOperation | HostOperation):
            require_own(self.services, known.approval, known.reading, known.plan)

    def _target(
        self, operation: KubernetesOperation | HostOperation, plan: Plan | None = None
    ) -> AbstractContextManager[Target]:
        return open_target(
            self.services,
            operation,
            OnBehalfOf(self.known.approval, self.known.owned),
            planned_for=plan.system if plan else None,
            stop=self.stop,
            kept=self._hosts,
        )

    def _note(self, answers: Iterable[Check]) -> None:
        """Keep the policy's answers for the report, in place of earlier ones to the same questions; enforce them."""
        answers = tuple(answers)
        asked = {answer.name for answer in answers}
        self.known.checks = [*(check for check in self.known.checks if check.name not in asked), *answers]
        enforce(answers)
        break_glass.note_uses(self.services.engine, self.known, answers)

    def _begun(self) -> bool:
        """Tell whether a request may have been sent, by this run or by one before it."""
        return self.known.plan is not None and self.progress().anything_sent

    def _not_claimable(self, approval: Approval, claim: Claim) -> Report:
        reason = claim.reason or text("message.not_claimable", status=text(f"approval_status.{approval.status}"))
        self._tell("not_started", EventStatus.WARNING, approval=approval, description=reason)
        return bystander.not_claimable(approval, reason, switched_off=claim.switched_off)

    def _tell(
        self,
        what: str,
        status: EventStatus = EventStatus.INFO,
        *,
        approval: Approval | None = None,
        description: str = "",
        **values: object,
    ) -> None:
        about = approval or self.known.approval
        with statements(self.services.engine) as session:
            timeline.add_event(
                session,
                approval_id=about.id,
                incident_id=about.incident_id,
                type=what,
                status=status,
                title=text(f"timeline.{what}").format(**values),
                description=description,
                actor=ACTOR,
                actor_role=ROLE,
            )
