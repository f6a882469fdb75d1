"""The documentation, the examples and the hints are in step with the catalogue."""

import pytest

from countersign.actions import describe_text, read_action
from countersign.actions.catalogue import CATALOGUE
from countersign.actions.hosts import HOST_TOOLS
from countersign.actions.investigations import READ_COMMANDS
from countersign.actions.kinds import KINDS, find_kind, kinds_for
from countersign.actions.operation import HostOperation, Investigation, Verb
from countersign.actions.table import PAGE, with_generated
from countersign.policy.operations import HOST_TOOLS as POLICY_HOST_TOOLS
from countersign.targets.kubernetes.kinds import KINDS as TARGET_KINDS


def test_the_page_about_actions_is_made_from_the_catalogue() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_generated(page) == page, "run python -m countersign.actions.table"


def test_every_verb_has_one_entry_and_a_kind() -> None:
    assert sorted(entry.verb for entry in CATALOGUE) == sorted(Verb)
    assert all(kinds_for(verb) for verb in Verb)


@pytest.mark.parametrize("entry", READ_COMMANDS, ids=lambda entry: " ".join(entry.command))
def test_every_read_only_example_is_an_investigation(entry) -> None:  # type: ignore[no-untyped-def]
    assert isinstance(read_action(entry.example), Investigation)


@pytest.mark.parametrize("tool", HOST_TOOLS, ids=lambda tool: tool.name)
def test_every_example_of_a_host_tool_is_routed_to_it(tool) -> None:  # type: ignore[no-untyped-def]
    for example in tool.examples:
        remote = example.replace("ID", "0123456789abcdef" * 4).replace("'", "")
        reading = read_action(f"ssh web-1 '{remote}'")
        assert isinstance(reading, HostOperation)
        assert reading.tool == tool.name
        assert tuple(name for name, _ in reading.parameters) == tool.parameters


def test_policies_and_actions_know_the_same_host_tools() -> None:
    assert tuple(tool.name for tool in HOST_TOOLS) == POLICY_HOST_TOOLS


def test_every_kind_that_an_action_can_name_can_be_acted_on() -> None:
    for kind in KINDS.values():
        place = TARGET_KINDS[kind.kind]
        assert (place.group, place.plural, place.namespaced) == (kind.group, kind.plural, kind.namespaced)


def test_no_spelling_means_two_kinds() -> None:
    spellings = [word for kind in KINDS.values() for word in set(kind.spellings())]
    assert len(spellings) == len(set(spellings))
    assert find_kind("DEPLOY") is KINDS["Deployment"]


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.verb.value)
def test_a_kind_that_a_verb_does_not_allow_is_refused(entry) -> None:  # type: ignore[no-untyped-def]
    for kind in KINDS.values():
        if kind not in entry.kinds:
            text = entry.example.replace("deployment/api", f"{kind.singular}/api").replace(
                "hpa api", f"{kind.singular} api"
            )
            text = text.replace("cronjob/report", f"{kind.singular}/report")
            text = text.replace(" pod ", f" {kind.singular} ").replace(" node-1", f" {kind.singular}/node-1")
            assert describe_text(text)["reading"] == "refused", text
