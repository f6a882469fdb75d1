"""Playbooks as files: what is exported can be reviewed, and imported as often as one likes."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from typer.testing import CliRunner

from countersign.actions.commands import template_of
from countersign.aftermath.learning.content import Said
from countersign.aftermath.learning.playbook_document import read_playbooks, write_playbooks
from countersign.aftermath.learning.symptoms import Matcher, matches, read_matcher
from countersign.cli import app
from countersign.errors import CountersignError
from countersign.records.database.engine import transaction
from countersign.records.playbooks import changes_of, demote, get_playbook, list_playbooks, versions_of
from countersign.records.states import PlaybookStatus
from countersign.records.tables import Playbook
from tests.aftermath.learning.operations import any_operation

FILE = """\
playbooks:
  - name: latency
    title: "Latency: restart"
    status: approved
    symptom:
      - alertname = HighLatency
      - severity =~ warning|critical
    steps:
      - kubectl rollout restart deployment/{{name}} -n {{namespace}}
"""
STATUSES = st.sampled_from(PlaybookStatus)
WORDS = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1, max_size=20)
MATCHERS = st.builds(
    Matcher, st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True), st.sampled_from(["=", "!="]), WORDS
)


class Cli:
    """Runs commands on the test's database."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __call__(self, *words: str, stdin: str | None = None) -> str:
        done = CliRunner().invoke(app, ["playbooks", *words], input=stdin)
        if isinstance(done.exception, CountersignError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    def playbook(self, name: str) -> Playbook:
        with transaction(self.engine) as session:
            return get_playbook(session, name)


@pytest.fixture
def cli(engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("COUNTERSIGN_DATABASE_URL", database_url)
    return Cli(engine)


@given(MATCHERS)
def test_a_matcher_is_read_as_it_was_written(matcher: Matcher) -> None:
    assert read_matcher(str(matcher)) == matcher


@given(st.lists(MATCHERS, min_size=1, max_size=4), any_operation(), WORDS.filter(str.strip), STATUSES)
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read_as_the_same(
    symptom: list[Matcher], operation: object, title: str, status: PlaybookStatus
) -> None:
    content = Said(tuple(symptom), (template_of(operation).text,)).content  # type: ignore[arg-type]
    playbook = Playbook(
        name="one",
        title=title.strip(),
        status=status,
        symptom=content.symptom,
        symptom_hash=content.symptom_hash,
        steps=content.steps,
        steps_hash=content.steps_hash,
    )
    (read,) = read_playbooks(write_playbooks([playbook]), source="test")
    assert (read.title, read.status, read.said.content) == (title.strip(), status, content)


@pytest.mark.parametrize(
    ("text", "labels", "matching"),
    [
        ("alertname = A", {"alertname": "A"}, True),
        ("alertname = A", {}, False),
        ('team = ""', {}, True),
        ("severity =~ warning|critical", {"severity": "critical"}, True),
        ("severity =~ warn", {"severity": "warning"}, False),
        ("severity !~ info", {"severity": "critical"}, True),
        ("team != night", {}, True),
    ],
)
def test_matchers_match_as_alertmanagers_do(text: str, labels: dict[str, str], matching: bool) -> None:
    assert matches([read_matcher(text)], labels) is matching


def test_an_export_is_what_was_imported(cli: Cli) -> None:
    cli("import", "-", stdin=FILE)
    assert yaml.safe_load(cli("export")) == yaml.safe_load(FILE)
    assert cli("export") == cli("export", "latency")


def test_files_of_a_folder_come_back_unchanged(cli: Cli, tmp_path: Path) -> None:
    cli("import", "-", stdin=FILE)
    cli("export", "--to", str(tmp_path / "playbooks"))
    assert [path.name for path in (tmp_path / "playbooks").iterdir()] == ["latency.yaml"]
    assert cli("import", str(tmp_path / "playbooks")).startswith("unchanged  latency")


def test_a_second_import_changes_nothing(cli: Cli) -> None:
    assert cli("import", "-", stdin=FILE).startswith("created")
    before = cli.playbook("latency")
    assert cli("import", "-", stdin=FILE).startswith("unchanged")
    assert cli.playbook("latency").model_dump() == before.model_dump()
    with transaction(cli.engine) as session:
        assert len(changes_of(session, before.id)) == 1


def test_other_steps_become_a_version_and_the_old_ones_can_come_back(cli: Cli) -> None:
    cli("import", "-", stdin=FILE)
    assert cli("import", "-", stdin=FILE.replace("rollout restart", "rollout undo")).startswith("changed")
    assert cli.playbook("latency").version == 2
    cli("import", "-", stdin=FILE)
    assert cli.playbook("latency").version == 1
    with transaction(cli.engine) as session:
        assert len(versions_of(session, cli.playbook("latency").id)) == 2


def test_an_import_does_not_give_back_what_was_left_to_people(cli: Cli) -> None:
    cli("import", "-", stdin=FILE)
    with transaction(cli.engine) as session:
        demote(session, cli.playbook("latency").id, by="countersign", reason="three times in vain")
    assert "left to people: three times in vain" in cli("import", "-", stdin=FILE)
    assert cli.playbook("latency").people_only_since is not None


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "hint"),
    [
        ("name: latency", "name: High Latency", 2, "playbooks[0].name: 'High Latency' is not a name", "lower-case"),
        ("status: approved", "status: aproved", 4, "playbooks[0].status: 'aproved' is no status", "draft, approved"),
        ("symptom:", "symptoms:", 6, "playbooks[0].symptoms: there is no such field", "did you mean symptom?"),
        ("alertname = HighLatency", "alertname", 6, "playbooks[0].symptom[0]: 'alertname' is not", "LABEL = VALUE"),
        ("warning|critical", "(warning", 7, "playbooks[0].symptom[1]: '(warning' is not a regular", "for example"),
        ("warning|critical", "(a+)+", 7, "playbooks[0].symptom[1]: '(a+)+' could take for ever", "no group"),
        ("warning|critical", "a?" * 20 + "a" * 20, 7, "could take for ever", "no group"),
        ("warning|critical", "(a|aa)" * 12, 7, "could take for ever", "one group of alternatives"),
        ("warning|critical", ".*a.*b.*c.*", 7, "symptom[1]: '.*a.*b.*c.*' could take for ever", "Kube.*|Node.*"),
        ("rollout restart", "restart", 9, "playbooks[0].steps[0]: action: 'kubectl restart", "rollout restart"),
        ("kubectl rollout restart", "kubectl rollout status", 9, "changes nothing", "repairs"),
        ("{{name}}", "{{name}} --all", 9, "does not read", ""),
        ('title: "Latency: restart"', "title: 7", 3, "playbooks[0].title: this is not text", "for example title"),
    ],
)
def test_a_mistake_is_refused_with_its_place_and_what_would_work(
    old: str, new: str, line: int, message: str, hint: str
) -> None:
    with pytest.raises(CountersignError) as refused:
        read_playbooks(FILE.replace(old, new), source="file.yaml")
    said = f"{refused.value.message} / {refused.value.hint}"
    assert f"file.yaml, line {line}: " in said
    assert message in said
    assert hint in said


def test_an_import_with_a_mistake_changes_nothing(cli: Cli) -> None:
    second = FILE.replace("playbooks:\n", "").replace("latency", "twin")
    with pytest.raises(CountersignError, match=r"playbook latency .version 1. has this symptom"):
        cli("import", "-", stdin=FILE + second)
    with transaction(cli.engine) as session:
        assert list_playbooks(session) == []


def test_what_people_decide_is_on_record_with_their_names(cli: Cli) -> None:
    cli("import", "-", "--by", "alice", stdin=FILE)
    cli("deprecate", "latency", "--reason", "too blunt", "--by", "bob")
    cli("approve", "latency", "--by", "carol")
    with transaction(cli.engine) as session:
        demote(session, cli.playbook("latency").id, by="countersign", reason="three times in vain")
    cli("restore", "latency", "--reason", "the image was at fault", "--by", "dora")
    shown = cli("show", "latency")
    for said in ("deprecated by bob: too blunt", "approved by carol", "demoted by countersign", "restored by dora"):
        assert said in shown
    assert cli.playbook("latency").people_only_since is None


def test_a_person_chooses_the_version_that_is_used(cli: Cli) -> None:
    cli("import", "-", stdin=FILE)
    cli("import", "-", stdin=FILE.replace("rollout restart", "rollout undo"))
    cli("approve", "latency", "--version", "1")
    assert cli.playbook("latency").version == 1
    with pytest.raises(CountersignError, match="no version 7"):
        cli("approve", "latency", "--version", "7")


def test_rendering_prints_an_action_that_can_be_filed(cli: Cli) -> None:
    cli("import", "-", stdin=FILE)
    printed = cli("render", "latency", "--set", "name=api", "--set", "namespace=prod")
    assert printed == "kubectl rollout restart deployment/api -n prod\n"
    with pytest.raises(CountersignError, match="namespace: no value is given"):
        cli("render", "latency", "--set", "name=api")


def test_trust_is_shown_with_bound_mean_runs_and_half_life(cli: Cli) -> None:
    cli("import", "-", stdin=FILE)
    assert "trust    bound 0.00, mean 0.50, 0 runs, half-life 30 days" in cli("show", "latency")
    assert ["latency", "approved", "1", "0.00", "0.50", "0", "yes"] in [
        row.split() for row in cli("list").splitlines()
    ]
    assert '"bound": 0.0' in cli("list", "--json")
    assert "Nothing was learnt yet" in cli("trust")
