"""Every line of the corpus reads as expected: kubectl's forms, language-model noise, Chinese, hostile input."""

import json
from pathlib import Path
from typing import Any

import pytest

from countersign.actions import canonical, describe, describe_text, explain, read_action
from countersign.actions.operation import KubernetesOperation, Observation, Verb
from countersign.errors import ParseFailure

CORPUS = Path(__file__).parents[1] / "corpus" / "actions.jsonl"
LINES: list[dict[str, Any]] = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]


def _name(line: dict[str, Any]) -> str:
    return ascii(line["text"])[:60]


@pytest.mark.parametrize("line", LINES, ids=_name)
def test_a_corpus_line_reads_as_expected(line: dict[str, Any]) -> None:
    found = describe_text(line["text"])
    assert {key: found.get(key, "absent") for key in line["expect"]} == line["expect"], found


def test_the_corpus_is_large_and_has_every_verb_and_tool() -> None:
    assert len(LINES) >= 250
    assert len({line["text"] for line in LINES}) == len(LINES)
    operations = {line["expect"].get("operation") for line in LINES}
    assert {verb.value for verb in Verb} <= operations
    assert len({line["expect"]["tool"] for line in LINES if "tool" in line["expect"]}) == 8


def test_every_refusal_says_why_and_survives_as_json() -> None:
    for line in LINES:
        if line["expect"]["reading"] == "refused":
            found = describe_text(line["text"])
            assert found["reason"]
            json.dumps(found, ensure_ascii=False).encode()


def test_every_accepted_change_has_a_canonical_form_with_the_same_reading() -> None:
    for line in LINES:
        if line["expect"].get("operation"):
            operation = read_action(line["text"])
            assert isinstance(operation, KubernetesOperation)
            assert read_action(canonical(operation)) == operation
            assert explain(operation)


def test_an_empty_text_is_an_observation_only_when_finalising() -> None:
    assert read_action("  \n", finalise=True) == Observation("empty")
    with pytest.raises(ParseFailure, match="empty"):
        read_action("  \n")


def test_hints_name_the_nearest_command_that_would_have_parsed() -> None:
    for text, part in (
        ("kubectl restart deployment api", "kubectl rollout restart"),
        ("kubectl rollout restrat deploy/api", "kubectl rollout restart"),
        ("kubectl scale deploy/api --replica=3", "--replicas"),
        ("kubectl rollout restart deploymet/api", "deployment"),
        ("kubectl autoscale deploy api --max=3", "kubectl patch hpa"),
        ("kubectl --kubeconfig x get pods", "--context NAME"),
        ("kubectl rollout undo deploy/api --dry-run=client", "dry_run"),
        ("ssh web-1 'systemctl stop nginx'", "systemctl restart"),
        ("ssh web-1 'docker compose restart cart'", "-p PROJECT"),
        ("docker restart web", "ssh HOST 'docker restart web'"),
        ("/usr/bin/kubectl get pods", "without a path"),
    ):
        assert part in (describe_text(text)["hint"] or ""), text


def test_a_description_has_what_the_text_says_and_nothing_else() -> None:
    assert describe(read_action("kubectl scale deploy/api --replicas=3")) == {
        "reading": "operation",
        "operation": "scale",
        "kind": "Deployment",
        "names": ["api"],
        "namespace": None,
        "parameters": {"replicas": 3},
    }
