"""Chooses names, descriptions, actions, and what a cluster prints: what is shown must obey none of them."""

import ast
import io
import json
import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
import yaml
from markdown_it import MarkdownIt

from countersign.aftermath.knowledge.case import case_of
from countersign.aftermath.notifications.markup import Dialect, Limits, render
from countersign.aftermath.notifications.message import Told, message_of
from countersign.cli import main
from countersign.cli.console import screen
from countersign.cli.rendering import print_columns, print_reading, print_report
from countersign.cli.screen import say, say_json
from countersign.escaping import is_hidden
from countersign.execution import markdown
from countersign.execution.follow_up import FollowUp
from countersign.execution.report import CheckReport, EvidenceReport, FindingReport, Report, StepReport
from countersign.logging import get_logger
from countersign.records.approvals import get_approval
from countersign.records.database.engine import transaction
from countersign.records.queries import executions_of
from countersign.settings import settings
from tests.attacks.conftest import Office, Sql

HIDDEN = "\x1b[2J\x1b]8;;javascript:x\x07\x9b31m\u202e\u200b\u2066\U000e0041\x08\x7f"
LINKS = (
    "![p](https://attacker.example/p.png) [ok](javascript:alert(1)) [d](data:text/html,x) <img src=x onerror=y> "
    "<script>alert(1)</script> <https://attacker.example> | x | ``` ` [b]bold[/] @everyone <!channel> [r][1]"
)
HOSTILE = f"api {HIDDEN} {LINKS}"
BLOCKS = f"{HOSTILE}\n\n# A heading\n\n[1]: javascript:alert(1)\n\n| a |\n| - |\n```\nout\n```\n<h1>x</h1>"
MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})
ACTIVE = {"link_open", "image", "html_inline", "html_block"}

REPORT = Report(
    approval_id=HOSTILE,
    action=BLOCKS,
    outcome="failed",
    success=False,
    message=BLOCKS,
    hint=BLOCKS,
    code=HOSTILE,
    targets=(HOSTILE, BLOCKS),
    requested_names=(BLOCKS,),
    signers=(HOSTILE,),
    checks=(CheckReport(name=HOSTILE, passed=False, reason=BLOCKS),),
    # A Kubernetes event's message is in a finding.
    findings=(FindingReport(severity="warning", code=HOSTILE, message=f"FailedScheduling: {BLOCKS}"),),
    steps=(StepReport(key="1", title=BLOCKS, result="not_sent"),),
    evidence=EvidenceReport(command=BLOCKS, exit_code=0, stdout=BLOCKS, stderr=BLOCKS, truncated=False),
)


def clean(shown: str) -> None:
    """Fail where a terminal would obey something, or a reader not see it."""
    left = re.sub("\x1b\\[[0-9;]*m", "", shown)  # rich's own styles
    assert not [hex(ord(char)) for char in left if is_hidden(char) and char not in "\n\t"]
    assert "\x1b]" not in shown


def kinds(document: str) -> set[str]:
    tokens = MARKDOWN.parse(document)
    return {token.type for token in tokens} | {child.type for token in tokens for child in token.children or ()}


def on_screen(show: Callable[..., None], *, terminal: bool) -> str:
    """Return what `show` prints on a console."""
    file = io.StringIO()
    show(screen(file=file, force_terminal=terminal, width=120))
    return file.getvalue()


PLACES: dict[str, Callable[..., None]] = {
    "a report": lambda console: print_report(console, REPORT, FollowUp()),
    "columns": lambda console: print_columns(console, [("id", "action"), (HOSTILE, BLOCKS)]),
    "a reading": lambda console: print_reading(console, {"action": BLOCKS, "named": [HOSTILE], "of": {"x": HOSTILE}}),
    "a line": lambda console: console.print(HOSTILE, markup=False, soft_wrap=True),
    "a styled line": lambda console: console.print(HOSTILE, style="bold", markup=False),
}


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("place", PLACES)
def test_a_console_obeys_nothing(place: str, terminal: bool) -> None:
    shown = on_screen(PLACES[place], terminal=terminal)
    clean(shown)
    assert "\\u{202e}" in shown.replace("\n", "")


def test_lines_and_json_obey_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE)
    say(HOSTILE, err=True)
    say_json({"action": BLOCKS})
    said = capsys.readouterr()
    clean(said.out)
    clean(said.err)
    assert json.loads(said.out.splitlines()[-1]) == {"action": BLOCKS}


def test_the_artifact_has_no_link_no_image_no_html() -> None:
    page = markdown.render(REPORT, FollowUp())
    clean(page)
    assert not kinds(page) & ACTIVE
    tokens = MARKDOWN.parse(page)
    headings = [tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "heading_open"]
    assert not [heading for heading in headings[1:] if "A heading" in heading]
    assert sum(token.type == "fence" for token in tokens) == 1
    for table in page.split("\n\n"):
        if table.startswith("| "):
            assert sum(token.type == "table_open" for token in MARKDOWN.parse(table)) == 1


@pytest.mark.parametrize("dialect", list(Dialect))
def test_a_message_has_no_link_no_mark_no_mention(office: Office, dialect: Dialect, as_owner: Sql) -> None:
    told = _told(office, as_owner)
    rendered = render(message_of(told, "en"), dialect, Limits(0, 4096))
    clean(rendered.body.replace("\u200b", ""))  # ours, where a service has no escape
    assert not re.search(r"@(everyone|here|channel)|<!channel>|<(img|script)", rendered.body)
    if dialect is Dialect.MARKDOWN:
        assert not kinds(rendered.body) & ACTIVE


def test_a_case_has_no_link_no_image_no_html(office: Office, as_owner: Sql) -> None:
    told = _told(office, as_owner)
    case = case_of(told.approval, told.execution, REPORT, incident=None, incident_id=HOSTILE, verdict=None)
    clean(case.body)
    assert not kinds(case.body) & ACTIVE


def test_logs_obey_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="countersign"):
        try:
            raise ValueError(HOSTILE)
        except ValueError:
            get_logger("countersign.attacks").warning(HOSTILE, action=BLOCKS, exc_info=True)
    clean("\n".join(record.getMessage() for record in caplog.records))


@pytest.mark.parametrize(
    "words", [("approvals", "list"), ("approvals", "show", "ID"), ("steps", "list", "ID"), ("status",)]
)
def test_the_command_line_obeys_nothing_that_was_put_into_the_database(
    office: Office,
    as_owner: Sql,
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = _told(office, as_owner)
    url = office.services.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", url)
    settings.cache_clear()
    for more in ((), ("-o", "wide"), ("-o", "json"), ("-o", "yaml")):
        given = [str(told.approval.id) if word == "ID" else word for word in (*words, *more)]
        monkeypatch.setattr(sys, "argv", ["countersign", *given])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert not ended.value.code, said.err
        clean(said.out + said.err)
        if "json" in more:
            json.loads(said.out)
        if "yaml" in more:
            yaml.safe_load(said.out)


def test_an_error_that_quotes_a_hostile_name_obeys_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["countersign", "parse", f"kubectl get {HOSTILE}"])
    with pytest.raises(SystemExit):
        main()
    clean(capsys.readouterr().err)


def test_no_command_prints_by_itself() -> None:
    """Every place on the command line goes through the one door, those that are yet to be written too."""
    found = []
    for path in sorted((Path(__file__).parents[2] / "countersign" / "cli").glob("*.py")):
        if path.name in ("screen.py", "console.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="print" | "Console")):
                    found.append(f"{path.name}:{node.lineno}")
                case ast.Call(func=ast.Attribute(value=ast.Name(id="typer"), attr="echo" | "secho")):
                    found.append(f"{path.name}:{node.lineno}")
                case ast.Call(func=ast.Attribute(value=ast.Name(id="sys"), attr="stdout" | "stderr")):
                    found.append(f"{path.name}:{node.lineno}")
    assert found == []


def _told(office: Office, as_owner: Sql) -> Told:
    """Return an execution whose request has hostile texts, as the database's owner can put them there."""
    report = office.perform("NO_ACTION")
    as_owner(
        "UPDATE approval SET action = :text, description = :text, requested_by = :text, incident_id = :text "
        "WHERE id = :id",
        text=BLOCKS.replace("\x00", ""),
        id=report.approval_id,
    )
    with transaction(office.services.engine) as session:
        approval = get_approval(session, UUID(report.approval_id))
        (execution,) = executions_of(session, approval.id)
        session.expunge_all()
    return Told(approval, execution, REPORT)
