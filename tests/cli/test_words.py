"""What commands print for people is in the words of the catalogue: no value of an enumeration stands for itself."""

import re
import sys
from collections.abc import Callable
from enum import StrEnum

import pytest
from sqlalchemy import text as sql

from countersign.aftermath.knowledge.case import AUTO_FAIL, AUTO_OK, MANUAL
from countersign.cli import main
from countersign.records.database.engine import transaction
from countersign.records.dead_letters import bury
from countersign.records.ledger import steps_of
from countersign.records.outcomes import Outcome
from countersign.records.playbooks import list_playbooks
from countersign.records.states import (
    ApprovalStatus,
    DispositionKind,
    EventStatus,
    IncidentStatus,
    PlaybookChangeKind,
    PlaybookStatus,
    RepairStatus,
    RiskLevel,
    Start,
    StepName,
    StepStatus,
    Verdict,
    VersionOrigin,
    WhenBlocked,
)
from countersign.settings import settings
from tests.aftermath.conftest import cluster, household, office, plain_office, running_cluster
from tests.aftermath.following import execution_id_of, follow
from tests.aftermath.incidents.remembered import AUTO, NOTHING, RESTART, case, received
from tests.execution.conftest import Office

__all__ = ["cluster", "household", "office", "plain_office", "running_cluster"]

KINDS: tuple[type[StrEnum], ...] = (
    *(ApprovalStatus, RiskLevel, EventStatus, IncidentStatus, DispositionKind, RepairStatus, Verdict, Outcome),
    *(PlaybookStatus, VersionOrigin, PlaybookChangeKind, StepName, StepStatus, Start, WhenBlocked),
)
VALUES = sorted({value.value for kind in KINDS for value in kind} | {AUTO_OK, AUTO_FAIL, MANUAL})
# What is meant as it stands: a case's tags, a playbook as its file says it, the code of a report.
MEANT = (
    re.compile(r"^(auto|human), .*\(", re.MULTILINE),
    re.compile(r"^ +status: \w+$", re.MULTILINE),
    re.compile(r"^ *(Code|代碼) +parse_failure *$", re.MULTILINE),
)


def is_raw(line: str) -> bool:
    """Tell whether a value stands alone in a column, or one that cannot be a word of a sentence anywhere."""
    cells = [cell.strip() for cell in re.split(r"\s{2,}|[:：,，]", line)]
    return bool(set(cells) & set(VALUES)) or any(value in line for value in VALUES if "_" in value)


Run = Callable[..., str]


@pytest.fixture
def run(office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in Chinese, in which every English word of an enumeration is told from the catalogue's."""
    url = office.services.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", url)
    monkeypatch.setenv("COUNTERSIGN_LANGUAGE", "zh-TW")
    monkeypatch.setenv("COLUMNS", "400")
    settings.cache_clear()

    def go(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["countersign", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert not ended.value.code, said.err
        return said.out + said.err

    return go


def test_no_command_prints_a_value_of_an_enumeration(office: Office, run: Run) -> None:
    engine = office.services.engine
    received(engine, incident_id="INC-1")
    received(engine, incident_id=None)
    repaired = office.perform(RESTART, incident_id="INC-1")
    alone = office.perform(RESTART, requested_by=AUTO, risk="low", incident_id="INC-1")
    watched, wrong = office.perform(NOTHING), office.perform("make it work again")
    for report in (repaired, alone, watched, wrong):
        follow(office, report)
    waiting = office.perform("kubectl rollout restart deployment/web -n prod")
    with transaction(engine) as session:
        step = steps_of(session, execution_id_of(waiting))[0].id
        for status in ("status = 'running'", "status = 'dead', ended_at = clock_timestamp()"):
            session.execute(sql(f"UPDATE ledger_step SET {status} WHERE id = :id"), {"id": step})
        bury(session, step, payload={}, pause_seconds=60, replays=1)
        (playbook,) = list_playbooks(session)
    commands = [
        ("approvals", "list"),
        *(("approvals", "show", one.approval_id) for one in (repaired, alone, watched, wrong, waiting)),
        *(("steps", "list", one.approval_id) for one in (repaired, alone, watched, wrong, waiting)),
        *(("knowledge", "show", str(case(engine, execution_id_of(one)).id)) for one in (repaired, alone, wrong)),
        ("knowledge", "search"),
        ("status",),
        ("incidents", "list"),
        ("incidents", "show", "INC-1"),
        ("incidents", "dispositions"),
        ("playbooks", "list"),
        ("playbooks", "show", playbook.name),
        ("playbooks", "trust"),
        ("dead-letters", "list"),
    ]
    raw = {}
    for words in commands:
        said = run(*words)
        for meant in MEANT:
            said = meant.sub("", said)
        if found := [line for line in said.splitlines() if is_raw(line)]:
            raw[words] = found
    assert not raw, "\n".join(f"{words}: {line.strip()}" for words, lines in raw.items() for line in lines)
