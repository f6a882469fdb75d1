"""`countersign approvals list`: what it shows, which it shows, and that it asks once however many there are."""

import json
import re
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, event

from countersign.records.approval_list import approval_rows
from countersign.records.approvals import file_approval
from countersign.records.database.engine import transaction
from countersign.records.evidence import Seen, store_after
from countersign.records.outcomes import Outcome
from countersign.records.rollbacks import start_unmade_rollback
from countersign.records.settlement import settle
from countersign.records.states import Verdict
from tests.cli.conftest import Run
from tests.records.builders import REQUEST, approved, claims, now, pending


def ended(engine: Engine, outcome: Outcome, verdict: Verdict | None = None, *, back: Outcome | None = None) -> UUID:
    approval = approved(engine)
    mine = claims(engine, approval).owned
    assert mine is not None
    with transaction(engine) as session:
        settle(session, mine, outcome=outcome, report={})
        if verdict is not None:
            store_after(session, mine.execution_id, Seen(now(), {}), verdict=verdict, verification={})
        if back is not None:
            rollback = start_unmade_rollback(session, mine.execution_id, worker="w")
            assert rollback is not None
            settle(session, rollback, outcome=back, report={})
    return approval


def listed(run: Run, *words: str) -> list[str]:
    return [row["id"] for row in json.loads(run("approvals", "list", "-o", "json", *words)[0])]


@pytest.fixture
def some(engine: Engine) -> dict[str, str]:
    """One request of each kind, the oldest first."""
    made = {
        "waiting": pending(engine, requested_by="Dora").id,
        "good": ended(engine, Outcome.SUCCESS, Verdict.EFFECTIVE),
        "taken back": ended(engine, Outcome.SUCCESS, Verdict.WORSE, back=Outcome.SUCCESS),
        "lost": ended(engine, Outcome.UNKNOWN),
    }
    return {name: str(one) for name, one in made.items()}


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((), ("lost", "taken back", "good", "waiting")),
        (("--limit", "2"), ("lost", "taken back")),
        (("--status", "pending"), ("waiting",)),
        (("--outcome", "success"), ("taken back", "good")),
        (("--outcome", "unknown"), ("lost",)),
        (("--verdict", "worse"), ("taken back",)),
        (("--verdict", "worse", "--outcome", "failed"), ()),
        (("--requester", "dora"), ("waiting",)),
        (("--requester", "dor"), ()),
        (("--since", "1h"), ("lost", "taken back", "good", "waiting")),
        (("--since", "2001-01-01"), ("lost", "taken back", "good", "waiting")),
        (("--since", "2999-01-01T00:00:00Z"), ()),
    ],
)
def test_filters_choose(run: Run, some: dict[str, str], words: tuple[str, ...], names: tuple[str, ...]) -> None:
    assert listed(run, *words) == [some[name] for name in names]


def test_a_time_that_is_none_is_refused_with_examples(run: Run) -> None:
    code, _, err = run.refused("approvals", "list", "--since", "yesterday")
    assert (code, "--since: 'yesterday' is not a time" in err, "30m, 12h, 7d" in err) == (2, True, True)


def test_outcome_verdict_and_what_was_taken_back_are_shown(run: Run, some: dict[str, str]) -> None:
    lines = [line.split("  ") for line in run("approvals", "list")[0].splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert [row[3:5] for row in cells[2:4]] == [["Succeeded", "Rolled back (worse)"], ["Succeeded", "effective"]]


def test_wide_has_the_whole_id(run: Run, some: dict[str, str]) -> None:
    out, _ = run("approvals", "list", "-o", "wide")
    assert all(one in out for one in some.values())


def test_one_statement_reads_the_page_however_long_it_is(engine: Engine, some: dict[str, str]) -> None:
    sent: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _k, statement, *_: sent.append(statement))
    with transaction(engine) as session:
        assert len(approval_rows(session)) == len(some)
    assert len(sent) == 1


def test_a_request_that_was_filed_earlier_is_left_out_by_since(run: Run, engine: Engine) -> None:
    with transaction(engine) as session:
        file_approval(session, REQUEST, now=now() - timedelta(days=2))
    assert (listed(run, "--since", "1d"), len(listed(run, "--since", "3d"))) == ([], 1)


def test_the_list_and_the_status_are_in_the_readers_language(
    run: Run, some: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERSIGN_LANGUAGE", "zh-TW")
    heads = run("approvals", "list", "-o", "wide")[0].splitlines()[0]
    assert not re.search("[A-Za-z]", heads.replace("UTC", ""))
    table = run("status")[0].splitlines()[-4:]
    assert not [line for line in table if re.search("[A-Za-z]", line)], table
