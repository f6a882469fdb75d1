"""The typical mistakes: one sentence, a hint, the documented exit code, and no traceback."""

import sys
from pathlib import Path

import pytest

from countersign.cli import main
from countersign.local.postgres import EmbeddedPostgres

SECRET = "hunter2-do-not-show"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Run the command in this process; return its exit code and what it said on standard error."""
    monkeypatch.setattr(sys, "argv", ["countersign", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    code = ended.value.code
    assert isinstance(code, int)
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (None, "COUNTERSIGN_DATABASE_URL is not set"),
        (f"postgresql://u:{SECRET}@127.0.0.1:1/countersign", "nothing answers as PostgreSQL at 127.0.0.1:1"),
        (f"mysql://u:{SECRET}@127.0.0.1/countersign", "Countersign needs PostgreSQL"),
        (f"postgresql://u:{SECRET}@no-such-host.invalid/countersign", "no-such-host.invalid"),
        ("not an address", "cannot be read as an address"),
    ],
)
@pytest.mark.parametrize("command", [("approvals", "list"), ("status",), ("reconcile",)])
def test_a_database_that_is_not_there_is_one_sentence_and_a_hint(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    url: str | None,
    said: str,
) -> None:
    if url is not None:
        monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", url)
    code, error = run(monkeypatch, capsys, *command)
    assert code == 3
    assert said in error
    assert "hint:" in error
    assert "Traceback" not in error
    assert SECRET not in error


def test_a_database_without_tables_names_the_command_that_makes_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], empty_database_url: str
) -> None:
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", empty_database_url)
    code, error = run(monkeypatch, capsys, "status")
    assert code == 3
    assert "countersign migrate" in error


def test_a_database_that_does_not_exist_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], postgres: EmbeddedPostgres
) -> None:
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", postgres.url("nowhere"))
    code, error = run(monkeypatch, capsys, "status")
    assert code == 3
    assert "has no database nowhere" in error


def test_a_setting_that_cannot_be_right_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COUNTERSIGN_LEASE_SECONDS", "soon")
    code, error = run(monkeypatch, capsys, "status")
    assert code == 3
    assert "COUNTERSIGN_LEASE_SECONDS" in error


def test_an_id_that_is_none_is_an_error_of_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], database_url: str
) -> None:
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", database_url)
    assert run(monkeypatch, capsys, "approvals", "show", "abc")[0] == 2
    code, error = run(monkeypatch, capsys, "approvals", "show", "00000000-0000-0000-0000-000000000007")
    assert code == 6
    assert "does not exist" in error


def test_settling_what_was_not_executed_says_where_to_look_and_needs_no_prefect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], database_url: str
) -> None:
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", database_url)
    approval_id = filed(monkeypatch, capsys)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    found = ("--outcome", "success", "--reason", "revision 7 is rolled out")
    code, error = run(monkeypatch, capsys, "executions", "settle", approval_id, *found)
    assert code == 6
    assert "no execution and no approval with one" in error
    assert "hint:" in error
    code, error = run(monkeypatch, capsys, "executions", "settle", "nope", *found)
    assert code == 2
    assert "ID: 'nope' is not an identifier" in error


def test_text_that_cannot_be_read_says_what_could(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, error = run(monkeypatch, capsys, "parse", "kubectl delete pods --all")
    assert code == 2
    assert "--all is refused" in error
    assert "hint:" in error


def test_a_policy_file_that_cannot_be_right_names_the_field(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], database_url: str, tmp_path: Path
) -> None:
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", database_url)
    file = tmp_path / "policy.yaml"
    file.write_text("max_scale_factor: many\n")
    monkeypatch.setenv("COUNTERSIGN_POLICY_FILE", str(file))
    code, error = run(monkeypatch, capsys, "approvals", "file", "NO_ACTION")
    assert code == 3
    assert "max_scale_factor" in error


def test_running_what_nobody_signed_or_filed_starts_nothing_and_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], database_url: str
) -> None:
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", database_url)
    approval_id = filed(monkeypatch, capsys)
    code, error = run(monkeypatch, capsys, "approvals", "run", approval_id)
    assert code == 4
    assert f"hint: countersign approvals sign {approval_id}" in error
    code, error = run(monkeypatch, capsys, "approvals", "run", "00000000-0000-4000-8000-000000000000")
    assert code == 6
    assert "does not exist" in error


def test_the_list_shows_ids_that_commands_take_however_narrow_the_terminal_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], database_url: str
) -> None:
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "40")
    approval_id = filed(monkeypatch, capsys)
    short = approval_id[-8:]
    assert said(monkeypatch, capsys, "approvals", "list").splitlines()[1].split()[0] == short
    assert '"id": "' + approval_id in said(monkeypatch, capsys, "approvals", "show", short, "--json")


def test_the_kill_switch_does_not_need_prefect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], database_url: str
) -> None:
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", database_url)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    assert said(monkeypatch, capsys, "kill-switch", "on", "--reason", "an outage").startswith("on, set by")
    assert said(monkeypatch, capsys, "kill-switch", "off", "--reason", "over").startswith("off, set by")


def test_an_action_is_not_filed_while_nobody_knows_which_cluster_is_meant(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], database_url: str
) -> None:
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", database_url)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    code, error = run(monkeypatch, capsys, "approvals", "file", "kubectl rollout restart deployment/api -n prod")
    assert code == 3
    assert "KubernetesCluster" in error and "hint:" in error


def filed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """File a request and return its id."""
    return said(monkeypatch, capsys, "approvals", "file", "NO_ACTION: deployment/api recovers").strip()


def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that works; return what it said on standard output."""
    monkeypatch.setattr(sys, "argv", ["countersign", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)
    return capsys.readouterr().out
