"""What it came to: every approval's record compared with the targets' own logs."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text

from countersign.errors import InternalError
from countersign.execution.manual_settlement import settle_by_hand
from countersign.execution.report import Report
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.records.journal import entries
from countersign.records.outcomes import Outcome
from countersign.records.queries import execution_of
from countersign.records.states import ApprovalStatus
from sandbox.cluster.requests import kept_mutations
from tests.faults.harness import check_nothing_is_left
from tests.faults.servers.place import Place
from tests.soak.work import ON_HOST, Filed

FINAL = (ApprovalStatus.EXECUTED, ApprovalStatus.FAILED, ApprovalStatus.CANCELLED, ApprovalStatus.EXPIRED)
HOLDS = text("""
    SELECT acquired_at, released_at FROM target_hold WHERE execution_id = :execution_id ORDER BY acquired_at
""")
STEPS = text("SELECT status, count(*) FROM ledger_step GROUP BY status")
UNFINISHED = text("""
    SELECT execution_id, name, status, attempts, error FROM ledger_step WHERE status NOT IN ('done', 'skipped')
    ORDER BY due_at
""")
OPEN = text("SELECT count(*) FROM approval WHERE status IN ('pending', 'approved', 'executing')")


@dataclass
class Verdict:
    """The numbers that count."""

    outcomes: Counter[str] = field(default_factory=Counter)
    taken_over: int = 0
    effects: int = 0
    duplicates: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """Approvals without an end."""
    false_successes: list[str] = field(default_factory=list)
    false_failures: list[str] = field(default_factory=list)
    """The effect happened, and the record says that it did not."""
    strays: list[str] = field(default_factory=list)
    """Effects that belong to no execution."""
    internal: list[str] = field(default_factory=list)
    """Runs that ended by a mistake of the program."""
    cancelled: list[str] = field(default_factory=list)
    """Approvals that ended as cancelled, although nobody cancels here."""
    fences: list[str] = field(default_factory=list)
    """Executions to whose journal a former owner wrote."""
    left: str = ""
    """What stays held, open or abandoned."""
    settled_by_person: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    """What has become of the steps after the outcomes."""
    unfinished: list[str] = field(default_factory=list)
    """Steps that nobody has done."""
    untold: list[str] = field(default_factory=list)
    """Executions of which the channel has not heard."""
    told_again: int = 0
    """Messages that came more than once: whoever sent one was lost before it was on record."""

    @property
    def holds(self) -> bool:
        """Tell whether every invariant does."""
        return not (
            self.duplicates
            or self.lost
            or self.false_successes
            or self.false_failures
            or self.strays
            or self.internal
            or self.cancelled
            or self.fences
            or self.unfinished
            or self.untold
            or self.left
        )

    def lines(self) -> Iterator[str]:
        """Return the summary."""
        yield f"outcomes: {told(self.outcomes)}; taken over at least once: {self.taken_over}"
        yield f"effects by the targets' own logs: {self.effects}"
        yield f"unknown, settled by a person: {self.settled_by_person}"
        named = {
            "duplicates": self.duplicates,
            "lost": self.lost,
            "false successes": self.false_successes,
            "false failures": self.false_failures,
            "effects of nobody": self.strays,
            "ended by a mistake of the program": self.internal,
            "cancelled by nobody": self.cancelled,
            "journals with a former owner's entry": self.fences,
            "steps that nobody has done": self.unfinished,
            "executions that nobody was told of": self.untold,
        }
        for name, found in named.items():
            yield f"{name}: {len(found)}"
            yield from (f"  {line}" for line in found)
        yield f"steps after the outcomes: {told(self.steps)}; messages sent again: {self.told_again}"
        yield f"left behind: {self.left or 'nothing'}"


def told(counts: Mapping[str, int]) -> str:
    """Return counts as words, the most frequent first."""
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda one: -one[1])) or "none"


def open_approvals(place: Place) -> int:
    """Return how many approvals have no end yet. Raises DatabaseUnavailable."""
    with transaction(place.services.engine) as session:
        return int(session.execute(OPEN).scalar_one())


def unfinished_steps(place: Place) -> list[str]:
    """Return the steps that are still to be done, or are dead. Raises DatabaseUnavailable."""
    with transaction(place.services.engine) as session:
        return [
            f"{row.execution_id} {row.name}: {row.status}, {row.attempts} attempts, {row.error}"
            for row in session.execute(UNFINISHED)
        ]


def runs_of(place: Place) -> dict[str, list[str]]:
    """Return what Prefect says of the runs of each approval, for those who look for a lost one."""
    found: dict[str, list[str]] = {}
    asked: dict[str, object] = {"flows": {"name": {"any_": ["execute-approval"]}}, "sort": "START_TIME_ASC"}
    for offset in range(0, 10_000, 200):
        page: Any = place.ask("POST", "/flow_runs/filter", {**asked, "offset": offset})
        for run in page:
            said = f"{run['state']['timestamp'][11:19]} {run['state_name']}: {run['state']['message']}"
            found.setdefault(str(run["parameters"].get("approval_id")), []).append(said)
        if len(page) < 200:
            break
    return found


def judge(place: Place, filed: Sequence[Filed]) -> Verdict:
    """Compare the records with the logs of the cluster and of the host."""
    verdict = Verdict()
    state_dir = place.stack.addresses.state_dir
    requests = Counter(
        _identity(each.method, each.path, each.body) for each in kept_mutations(state_dir / "mutations.jsonl")
    )
    log = (state_dir / "host" / "effects.jsonl").read_text().splitlines()
    on_host = [(float(line["at"]), str(line["what"])) for line in map(json.loads, log)]
    verdict.effects = requests.total() + len(on_host)
    runs = runs_of(place) if open_approvals(place) else {}
    for one in filed:
        _judge_one(place, one, requests, on_host, verdict)
    verdict.lost = [f"{line}; {'; '.join(runs.get(line.split()[0], ['no run']))}" for line in verdict.lost]
    verdict.strays += [f"{key} ({count})" for key, count in requests.items() if count > 0]
    verdict.strays += [f"{what} at {at}" for at, what in on_host]
    with transaction(place.services.engine) as session:
        verdict.steps.update({str(status): count for status, count in session.execute(STEPS)})
    verdict.unfinished = unfinished_steps(place)
    try:
        with transaction(place.services.engine) as session:
            check_nothing_is_left(session)
    except AssertionError as error:
        verdict.left = str(error)
    return verdict


def _judge_one(
    place: Place, one: Filed, requests: Counter[str], on_host: list[tuple[float, str]], verdict: Verdict
) -> None:
    name = f"{one.approval_id} {one.action}"
    with transaction(place.services.engine) as session:
        approval = get_approval(session, one.approval_id)
        execution = execution_of(session, one.approval_id)
        if approval.status not in FINAL:
            verdict.lost.append(f"{name}: {approval.status}")
        if approval.status is ApprovalStatus.CANCELLED:
            verdict.cancelled.append(name)
        if execution is None or execution.report is None:
            verdict.outcomes[str(approval.status)] += 1
            return
        fences = [entry.fence for entry in entries(session, execution.id)]
        windows = [
            (row.acquired_at, row.released_at) for row in session.execute(HOLDS, {"execution_id": execution.id})
        ]
    if fences != sorted(fences):
        verdict.fences.append(name)
    report = Report.model_validate(execution.report)
    if report.code == InternalError.code:
        verdict.internal.append(f"{name}: {report.message}")
    verdict.taken_over += execution.fence > 1
    messages = place.messages(one.incident_id)
    verdict.told_again += max(0, messages - 1)
    if not messages:
        verdict.untold.append(name)
    verdict.outcomes[report.outcome if report.success else f"{report.outcome} ({report.code})"] += 1
    steps = (execution.plan or {}).get("steps", [])
    if one.action in ON_HOST:
        wanted = Counter(dict.fromkeys(ON_HOST[one.action], 1))
        seen = taken(on_host, windows, wanted)
        found = {step["key"]: seen for step in steps} or {"": seen}
        expected = dict.fromkeys(found, wanted)
    else:
        keys = {step["key"]: _identity_of(step["request"]) for step in steps if "body" in step["request"]}
        found = {step: Counter({key: requests.pop(key, 0)}) for step, key in keys.items()}
        expected = {step: Counter({key: 1}) for step, key in keys.items()}
    compare(name, report, expected, found, verdict)
    if report.outcome == "unknown":
        happened = all(found[step] == expected[step] for step in found)
        with transaction(place.services.engine) as session:
            outcome = Outcome.SUCCESS if happened else Outcome.FAILED
            settle_by_hand(session, execution.id, outcome=outcome, reason="looked at the target's log", by="soak")
        verdict.settled_by_person += 1


def compare(
    name: str,
    report: Report,
    expected: Mapping[str, Counter[str]],
    found: Mapping[str, Counter[str]],
    verdict: Verdict,
) -> None:
    """A step that landed has its effect, one that nobody can tell may have it, any other has none."""
    results = {step.key: step.result for step in report.steps}
    for step, effects in found.items():
        what = f"{name}: {report.outcome}, {step} {results.get(step)}, {dict(effects)}"
        if any(count > expected[step][effect] for effect, count in effects.items()):
            verdict.duplicates.append(what)
        elif results.get(step) == "landed" and +effects != expected[step] and not _may_be_gone(effects):
            verdict.false_successes.append(what)
        elif results.get(step) not in ("landed", "cannot_tell") and effects.total():
            verdict.false_failures.append(what)


def _may_be_gone(effects: Counter[str]) -> bool:
    """A pod may be gone by other means (a rollout) before its deletion is sent: what was asked for is so."""
    return bool(effects) and all(effect.startswith("DELETE ") for effect in effects)


def taken(
    on_host: list[tuple[float, str]], windows: Sequence[tuple[datetime, datetime | None]], wanted: Counter[str]
) -> Counter[str]:
    """Take from the host's log what happened while the execution held the host, which others could not."""
    mine = [
        (at, what)
        for at, what in on_host
        if what in wanted
        and any(begin.timestamp() <= at and (end is None or at <= end.timestamp()) for begin, end in windows)
    ]
    for each in mine:
        on_host.remove(each)
    return Counter(what for _, what in mine)


def _identity_of(request: Mapping[str, Any]) -> str:
    return _identity(request.get("method", "PATCH"), request["path"], request["body"])


def _identity(method: str, path: str, body: Any) -> str:
    return f"{method} {path} {json.dumps(body, sort_keys=True)}"
