"""Every list says when it is empty, and how something gets onto it."""

import json

import pytest

from blocks import NotificationChannels
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("approvals", "list"), "approvals file"),
        (("approvals", "list", "--status", "failed"), "approvals file"),
        (("incidents", "list"), "incidents open --from"),
        (("incidents", "dispositions"), "on record"),
        (("incidents", "dispositions", "A|b|c"), "on record"),
        (("playbooks", "list"), "playbooks import"),
        (("playbooks", "trust"), "learnt from"),
        (("knowledge", "search"), "knowledge add"),
        (("knowledge", "search", "nginx"), "knowledge add"),
        (("dead-letters", "list"), "no dead letter"),
        (("dead-letters", "replay", "--all"), "no dead letter"),
    ],
)
def test_an_empty_list_says_so_and_prints_nothing(run: Run, words: tuple[str, ...], said: str) -> None:
    out, err = run(*words)
    assert (out, said in err) == ("", True)


@pytest.mark.parametrize("words", [("approvals",), ("incidents",), ("playbooks",), ("dead-letters",)])
def test_an_empty_list_is_an_empty_list_for_programs(run: Run, words: tuple[str, ...]) -> None:
    out, err = run(*words, "list", "--json")
    assert (json.loads(out), err) == ([], "")


@pytest.mark.stack
def test_a_block_without_channels_says_so(run: Run, prefect_api: str) -> None:
    NotificationChannels().save("empty")
    for command in ("list", "test"):
        out, err = run("channels", command, "--block", "empty")
        assert (out, "block empty names no channel" in err) == ("", True)
