"""`countersign audit`, as a person uses it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from countersign.audit.heads import make_sealing_key
from countersign.cli import main
from countersign.records import audit
from countersign.records.audit import Event
from countersign.records.database.engine import transaction
from countersign.settings import settings
from tests.audit.conftest import append
from tests.records.builders import approved

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, database_url: str
) -> Run:
    """Run a command in this process and return its exit code, what it printed and what it said beside that."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", database_url)
    monkeypatch.setenv("COUNTERSIGN_TRUST_DIR", str(tmp_path / "trust"))

    def go(*words: str) -> tuple[int, str, str]:
        settings.cache_clear()
        monkeypatch.setattr(sys, "argv", ["countersign", "audit", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return go


def test_what_was_sealed_holds_is_shown_and_is_proved_elsewhere(run: Run, engine: Engine, tmp_path: Path) -> None:
    approval = str(approved(engine))
    assert run("verify")[0] == 3  # no key yet
    make_sealing_key(tmp_path / "trust")
    code, out, _ = run("seal")
    assert (code, out) == (0, "2 rows sealed, 2 in all.\n")
    code, out, _ = run("verify")
    assert code == 0 and "2 rows in 1 chains, 2 sealed under 1 heads, 0 waiting: nothing was changed." in out
    (tmp_path / "kept").write_text((tmp_path / "trust/audit-head").read_text())

    code, out, _ = run("head")
    assert code == 0 and out.startswith("countersign-audit/") and "\nkey: countersign-audit/" in out

    append(engine, 1)
    run("seal")
    assert run("verify", "--since-head", str(tmp_path / "kept"))[0] == 0
    code, out, _ = run("export", approval, "--to", str(tmp_path / "proof"), "--since-head", str(tmp_path / "kept"))
    command = [
        sys.executable,
        "-I",
        *out.splitlines()[1].replace("'", "").split()[1:],
        "--head",
        str(tmp_path / "kept"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout[:12]) == (0, "2 rows hold\n"), done.stdout + done.stderr

    code, out, _ = run("show", approval)
    assert out.index("A request was filed") < out.index("A request was signed")
    code, out, _ = run("list", "--event", "approval:request:signed", "--json")
    assert [(row["event"], row["chain"]) for row in json.loads(out)] == [("approval:request:signed", approval)]


def test_what_was_changed_is_told_and_put_on_record(
    run: Run, engine: Engine, all_rights: Engine, tmp_path: Path
) -> None:
    make_sealing_key(tmp_path / "trust")
    append(engine, 2)
    run("seal")
    with transaction(all_rights) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("UPDATE audit_event SET actor = 'mallory' WHERE id = 1"))
    code, out, _ = run("verify")
    assert code == 1
    assert out.startswith("Changed: row 1 (access:request:refused, number 1 of approval ")
    assert "the trail does not hold" in out
    code, out, _ = run("verify", "--json")
    assert (code, json.loads(out)["findings"][0]["kind"]) == (1, "changed")
    code, out, _ = run("list", "--event", "tampering:")
    assert "records were changed or removed" in out and "row 1 (access:request:refused" in out


def test_going_on_after_a_restore_takes_a_reason_and_is_on_record(
    run: Run, engine: Engine, all_rights: Engine, tmp_path: Path
) -> None:
    make_sealing_key(tmp_path / "trust")
    append(engine, 2)
    run("seal")
    with transaction(all_rights) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        for table in ("audit_event", "audit_leaf", "audit_checkpoint"):
            session.execute(text(f"DELETE FROM {table}"))
    append(engine, 1)
    code, _, err = run("seal")
    assert code == 4 and "0 sealed rows, and had 2" in err and "audit resume" in err
    assert run("resume", "--reason", " ")[0] == 2
    code, out, _ = run("resume", "--reason", "restored last night's copy")
    assert code == 0 and "audit-head.1" in out and "2 rows sealed" in out
    assert "restored last night" in run("show", "audit")[1]


def test_nothing_that_a_row_holds_steers_the_terminal(run: Run, engine: Engine) -> None:
    with transaction(engine) as session:
        audit.record(session, Event.ACCESS_REFUSED, actor="\x1b[2Jmallory", details={"said": "a\u202eb"})
    out = run("list")[1]
    assert "\x1b" not in out and "\u202e" not in out and "mallory" in out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("head",), 3, "audit-seal.key is missing"),
        (("export", "control"), 3, "audit-seal.key is missing"),
        (("show", "control"), 6, "no rows of control"),
        (("verify", "--key", "nonsense"), 2, "--key"),
        (("list",), 0, "appends one"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(run: Run, words: tuple[str, ...], code: int, said: str) -> None:
    found, out, err = run(*words)
    assert (found, said in err) == (code, True), out + err
