"""Mistakes in asking an API: one sentence, a hint, the documented exit code, and the token nowhere."""

from pathlib import Path

import pytest

from tests.cli.both_ways import BothWays, both
from tests.cli.conftest import Run
from tests.execution.conftest import cluster, household, office, running_cluster
from tests.planted import plant
from tests.web.conftest import prefect_everywhere
from tests.web.records import ACTION

__all__ = ["both", "cluster", "household", "office", "prefect_everywhere", "running_cluster"]
NOWHERE = "http://127.0.0.1:9"


def written(folder: Path, content: str, *, mode: int = 0o600) -> str:
    file = folder / "token"
    file.write_text(content)
    file.chmod(mode)
    return str(file)


def told(ended: tuple[int, str, str], code: int, said: str) -> None:
    assert ended[0] == code, ended
    assert said in ended[2] and "hint:" in ended[2] and "Traceback" not in ended[2], ended[2]
    assert ended[1] == ""


def test_what_the_api_refuses_is_a_sentence_a_hint_and_the_documented_code(both: BothWays, tmp_path: Path) -> None:
    at = ("--server", both.server)
    wrong = written(tmp_path, plant("cst_nobody-has-this-one"))
    told(both.run.ended(*at, "--token-file", wrong, "approvals", "list"), 3, "token")
    told(both.api("approvals", "file", ACTION, by="victor"), 4, "victor has no role requester")
    told(both.api("approvals", "list", by="nobody"), 4, "nobody has no role")
    told(both.api("kill-switch", "on", "--reason", "x", by="victor"), 4, "no role")
    told(both.api("approvals", "file", ACTION, "--by", "carol"), 2, "--by: the API knows who asks by the token")
    told(both.api("approvals", "cancel", str(both.rooms.pending), "--by", "carol"), 2, "--by")
    told(both.api("kill-switch", "on", "--reason", "x", "--by", "carol"), 2, "--by")
    told(both.api("dead-letters", "list"), 3, "works on the records themselves")
    told(both.api("policy", "history"), 3, "works on the records themselves")
    told(both.api("incidents", "resolve", both.rooms.incident), 3, "works on the records themselves")
    told(both.api("doctor"), 3, "works on the records themselves")


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--server", NOWHERE, "--token-file", "{token}"), 3, "cannot be reached"),
        (("--server", "countersign.example.com", "--token-file", "{token}"), 2, "--server: is not an address"),
        (("--server", "https://u:hunter2@example.com", "--token-file", "{token}"), 2, "--server: is not an address"),
        (("--server", NOWHERE), 3, "no token is named"),
        (("--token-file", "{token}"), 2, "no server is named"),
        (("--server", NOWHERE, "--token-file", "nowhere"), 2, "--token-file: nowhere cannot be read"),
        (("--server", NOWHERE, "--token-file", "{open}"), 2, "others can read or write"),
        (("--server", NOWHERE, "--token-file", "{lines}"), 2, "is no token"),
    ],
)
def test_what_cannot_be_asked_is_told_before_anything_is_sent(
    run: Run, tmp_path: Path, options: tuple[str, ...], code: int, said: str
) -> None:
    files = {
        "token": written(tmp_path, "cst_hunter2"),
        "open": str(tmp_path / "open"),
        "lines": str(tmp_path / "lines"),
    }
    for name, mode in (("open", 0o644), ("lines", 0o600)):
        (tmp_path / name).write_text("cst_hunter2\ncst_hunter2\n")
        (tmp_path / name).chmod(mode)
    told(run.ended(*(each.format(**files) for each in options), "status"), code, said)


def test_a_token_of_one_server_is_not_shown_to_another(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_URL", "https://countersign.example.com")
    monkeypatch.setenv("COUNTERSIGN_TOKEN", "cst_hunter2")
    told(run.ended("--server", NOWHERE, "status"), 3, "is not shown to")


def test_no_option_takes_a_token_itself(run: Run) -> None:
    assert run.ended("--token", "x", "status")[0] == 2
