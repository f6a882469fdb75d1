"""What is declared: few series, the words of the records, and a page that tells all of it."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from countersign.metrics import page, records, worker
from countersign.metrics.family import DECLARED, Counter, Family, Process
from countersign.records import states
from countersign.records.outcomes import Outcome

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
SAME: dict[str, tuple[Family, str, Iterable[str]]] = {
    "outcome": (worker.RUNS, "outcome", Outcome),
    "answer": (worker.ANSWERS, "answer", states.Answer),
    "verdict": (worker.VERDICTS, "verdict", states.Verdict),
    "step": (worker.STEPS_ENDED, "step", states.StepName),
    "step, timed": (worker.STEP_SECONDS, "step", states.StepName),
    "webhook": (worker.WEBHOOKS, "result", states.WebhookResult),
    "resolution": (records.RESOLUTIONS, "result", states.ResolutionResult),
}


@pytest.mark.parametrize("word", SAME)
def test_labels_have_the_words_of_the_records(word: str) -> None:
    family, name, values = SAME[word]
    (label,) = [one for one in family.labels if one.name == name]
    assert set(label.values) == set(map(str, values))


def test_a_step_ends_in_words_that_are_labels() -> None:
    (label,) = [one for one in worker.STEPS_ENDED.labels if one.name == "result"]
    assert set(label.values) == set(states.StepStatus) - {states.StepStatus.RUNNING}


def test_the_page_tells_what_is_declared() -> None:
    written = PAGE.read_text()
    assert written == page.with_table(written), f"make it again: {page.BEGIN}"


def test_names_are_prometheuss() -> None:
    names = [family.name for family in DECLARED]
    assert sorted(set(names)) == sorted(names)
    for family in DECLARED:
        assert re.fullmatch(r"countersign_[a-z_]+", family.name)
        assert family.name.endswith("_total") == (family.kind == "counter"), family.name
        assert family.told.endswith((".", "…")) and len(family.told) < 260, family.name


@pytest.mark.parametrize("process", Process)
def test_a_process_has_few_series_whatever_happens(process: Process) -> None:
    def most(family: Family) -> int:
        # A histogram has its buckets, +Inf, sum and count.
        return family.series * (len(getattr(family, "buckets", ())) + 3 if family.kind == "histogram" else 1)

    # Routes are counted by method and status in theory; an address has one or two methods, and answers in few ways.
    theory = {family.name: most(family) for family in DECLARED if process in family.where}
    theory.pop("countersign_http_requests_total", None)
    assert sum(theory.values()) < 7_000, theory


def test_an_unknown_value_is_other_and_a_bounded_label_ends() -> None:
    family = Counter("countersign_tried_total", "Tried.", page.Label("target", most=2), where=(Process.WORKER,))
    DECLARED.remove(family)
    for target in ("a", "b", "c", "d", "a"):
        family.count(target=target)
    (metric,) = family.collector.collect()
    assert {s.labels["target"]: s.value for s in metric.samples if s.name.endswith("_total")} == {
        "a": 2,
        "b": 1,
        "other": 2,
    }
    with pytest.raises(TypeError, match="target"):
        family.count(cluster="a")
