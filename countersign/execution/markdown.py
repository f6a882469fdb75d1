"""The report as markdown, for the run's artifact."""

from collections.abc import Callable, Iterable, Sequence

from countersign.escaping import code_block, code_span, markdown
from countersign.execution.follow_up import FollowUp, Verification
from countersign.execution.report import Report
from countersign.policy.checks import Question
from countersign.texts import text
from countersign.texts.durations import duration

Say = Callable[..., str]
QUESTIONS = frozenset(Question)
Rows = list[tuple[str, str]]


class _Code(str):
    """A cell that is shown as code."""

    __slots__ = ()


def render(report: Report, follow_up: FollowUp | None = None, *, language: str | None = None) -> str:
    """Return the report as GitHub-flavoured markdown in `language` (the setting by default).

    `follow_up` is what has followed it so far.
    """

    def say(key: str, **values: object) -> str:
        return text(key, language=language, **values)

    outcome = say(f"outcome.{report.outcome}")
    title = say("report.title", outcome=outcome, action=report.action)
    parts = [f"# {markdown(say('report.rollback', title=title) if report.rolls_back else title)}"]
    if not report.performed_by_this_run:
        parts.append(f"> {say('report.first_run')}")
    parts.append(markdown(report.message))
    if follow_up is not None and follow_up.verification is not None:
        parts.append(_judged(follow_up, say))
    if report.hint:
        parts.append(f"**{say('report.hint')}:** {markdown(report.hint)}")
    parts.append(_table(("", ""), _first_facts(report, outcome, say, language=language)))
    if report.checks:
        rows = [
            (
                say(f"check.{check.name}") if check.name in QUESTIONS else check.name,
                say("report.passed" if check.passed else "report.refused"),
                check.reason,
            )
            for check in report.checks
        ]
        parts.append(f"## {say('report.checks')}")
        parts.append(_table((say("report.check"), say("report.result"), say("report.reason")), rows))
    if report.findings:
        found = [
            (say(f"severity.{finding.severity}"), _Code(finding.code), finding.message) for finding in report.findings
        ]
        parts.append(f"## {say('report.findings')}")
        parts.append(_table((say("report.severity"), say("report.code"), say("report.message")), found))
    if report.steps:
        steps = [(step.title, say(f"step_result.{step.result}"), str(step.attempts)) for step in report.steps]
        parts.append(f"## {say('report.steps')}")
        parts.append(_table((say("report.step"), say("report.result"), say("report.attempts")), steps))
    if report.evidence:
        output = "\n".join(part for part in (report.evidence.stdout, report.evidence.stderr) if part)
        parts.append(f"## {say('report.evidence')}\n\n{code_block(output)}")
    if follow_up is not None:
        parts += _followed(follow_up, say)
    parts.append(f"## {say('report.details')}")
    parts.append(_table(("", ""), _details(report, say)))
    return "\n\n".join(parts) + "\n"


def _first_facts(report: Report, outcome: str, say: Say, *, language: str | None) -> Rows:
    """What a person asks first: what, to what, by whose word, how long."""
    took = "" if report.duration_ms is None else duration(report.duration_ms, language=language)
    facts = [
        (say("report.action"), _Code(report.action)),
        (say("report.outcome"), outcome),
        (say("report.targets"), ", ".join(report.targets)),
        (say("report.as_written"), ", ".join(report.requested_names)),
        (say("report.signers"), ", ".join(report.signers)),
        (say("break_glass.uses"), "; ".join(report.break_glass)),
        (say("report.attempts"), str(report.attempts) if report.attempts else ""),
        (say("report.duration"), took),
    ]
    return [row for row in facts if row[1]]


def _details(report: Report, say: Say) -> Rows:
    """Identifiers and hashes, which are compared and copied rather than read."""
    facts = [
        (say("report.approval"), _Code(report.approval_id)),
        (say("report.execution"), _Code(report.execution_id or "")),
        (say("report.code"), _Code(report.code or "")),
        (say("report.plan"), _Code(report.plan_hash or "")),
        (say("report.policy"), _policy(report, say)),
    ]
    return [row for row in facts if row[1]]


def _judged(follow_up: FollowUp, say: Say) -> str:
    """The verdict beside the outcome: whether it helped, why, and whether it was taken back."""
    assert follow_up.verification is not None
    found = follow_up.verification
    reasons = "; ".join(reason.rstrip(".") for reason in found.reasons[:2])
    said = f"**{say('report.verdict')}:** {markdown(say(f'verdict.{found.verdict}'))}"
    said += f" ({markdown(reasons)})" if reasons else ""
    if follow_up.rollback is not None:
        said += f". {markdown(say('state.taken_back', message=follow_up.rollback.message))}"
    return said


def _policy(report: Report, say: Say) -> str:
    if report.policy_hash is None:
        return ""
    known = {"number": report.policy_number, "hash": report.policy_hash}
    return say("report.policy_file" if report.policy_number is None else "report.policy_version", **known)


def _followed(follow_up: FollowUp, say: Say) -> Iterable[str]:
    if follow_up.verification is not None:
        yield from _verified(follow_up.verification, say)
    if (back := follow_up.rollback) is not None:
        outcome = say(f"outcome.{back.outcome}") if back.outcome else say("follow_up.under_way")
        verdict = f" ({say(f'verdict.{back.verdict}')})" if back.verdict else ""
        yield f"## {say('follow_up.rollback')}\n\n{outcome}{verdict}: {markdown(back.message)}"
    if follow_up.steps:
        rows = [
            (say(f"step_name.{step.name}"), say(f"step_status.{step.status}"), step.said) for step in follow_up.steps
        ]
        yield f"## {say('follow_up.steps')}"
        yield _table((say("report.step"), say("report.result"), say("report.message")), rows)


def _verified(found: Verification, say: Say) -> Iterable[str]:
    yield f"## {say('follow_up.verdict', verdict=say(f'verdict.{found.verdict}'))}"
    yield "\n".join(f"- {markdown(each)}" for each in (*found.reasons, *found.notes))
    if found.difference:
        head = (say("follow_up.object"), say("follow_up.what"), say("follow_up.before"), say("follow_up.after"))
        yield _table(head, [(line.object, line.what, line.before, line.after) for line in found.difference])


def render_verification(found: Verification, *, language: str | None = None) -> str:
    """Return a verdict with its reasons and what is different, as markdown."""

    def say(key: str, **values: object) -> str:
        return text(key, language=language, **values)

    return "\n\n".join(_verified(found, say)) + "\n"


def _table(head: tuple[str, ...], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: str) -> str:
    return code_span(value) if isinstance(value, _Code) else markdown(value)
