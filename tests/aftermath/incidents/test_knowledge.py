"""Cases are found by words, by parts of words and in Chinese; whatever is asked, an answer comes."""

from collections.abc import Iterator, Sequence
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlmodel import Session

from countersign.errors import InvalidInput
from countersign.records.database.engine import connect, transaction
from countersign.records.knowledge import (
    BY_PARTS,
    BY_WORDS,
    CASE,
    EXECUTION,
    Case,
    Found,
    Only,
    deposit,
    get_entry,
    parts_of,
    related,
    search,
)
from tests.databases import Databases
from tests.records.builders import owned

CASES = (
    Case(
        title="Approved by people: HighLatency, Succeeded: kubectl rollout restart deployment/api -n prod",
        body="The pods were restarting because the database connections were exhausted.",
        path_type="approval_manual",
        tags=("human", "success", "latency", "execution"),
        incident_id="INC-1",
        entry_type=CASE,
        category="latency",
        source=EXECUTION,
        author="alice",
    ),
    Case(
        title="Auto-approved: PodCrashLooping, Failed: kubectl delete pod web-1",
        body="The pod came back and crashed again: 100% of the disk was used by docker_logs.",
        path_type="approval_auto_fail",
        tags=("auto", "failed", "crash", "execution", "execution_failed"),
        entry_type=CASE,
        category="crash",
        source=EXECUTION,
        author="auto_approve:crash",
    ),
    Case(
        title="人工核准：延遲過高，成功：kubectl rollout restart deployment/checkout",
        body="結帳服務的延遲在重新啟動之後恢復正常，原因是連線池已滿。",
        path_type="approval_manual",
        tags=("human", "success"),
        author="mei",
    ),
)


@pytest.fixture(scope="module")
def library(databases: Databases) -> Iterator[Engine]:
    """A database with three cases, which these tests only read."""
    with databases.lent() as url:
        engine = connect(url, timeout=5)
        with transaction(engine) as session:
            for case in CASES:
                deposit(session, case)
        yield engine
        engine.dispose()


def found(library: Engine, query: str, **more: object) -> Sequence[Found]:
    with transaction(library) as session:
        return search(session, query, **more)  # type: ignore[arg-type]


def numbers(library: Engine, query: str, **more: object) -> set[int]:
    """Return which of CASES are found."""
    titles = [case.title for case in CASES]
    return {titles.index(one.title) for one in found(library, query, **more)}


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("exhausted connection", {0}),
        ("restart", {0, 2}),
        ("HighLatency", {0}),
        ("latenc", {0}),
        ("LoopIng", {1}),
        ("docker_l", {1}),
        ("100%", {1}),
        ("1_0%", set()),
        ("延遲", {2}),
        ("重新啟動 checkout", {2}),
        ("連線池", {2}),
        ("crash OR exhausted", {0, 1}),
        ('"rollout restart" -checkout', {0}),
        ("nothing like this", set()),
        ("", {0, 1, 2}),
    ],
)
def test_cases_are_found_by_what_people_type(library: Engine, query: str, wanted: set[int]) -> None:
    assert numbers(library, query) == wanted


def test_a_word_in_the_title_weighs_more_than_one_in_the_body(engine: Engine) -> None:
    with transaction(engine) as session:
        deposit(session, Case(title="Other", body="about the nginx proxy, nginx again", path_type="note"))
        deposit(session, Case(title="nginx does not start", body="Other.", path_type="note"))
        assert [one.title for one in search(session, "nginx")] == ["nginx does not start", "Other"]


@pytest.mark.parametrize(
    ("query", "marked"), [("exhausted", "«exhausted»"), ("docker_l", "«docker_l»"), ("連線池", "«連線池»")]
)
def test_the_excerpt_marks_what_was_found(library: Engine, query: str, marked: str) -> None:
    assert marked in found(library, query)[0].excerpt


def test_only_cases_with_every_tag_are_found(library: Engine) -> None:
    assert numbers(library, "", only=Only(tags=["execution"])) == {0, 1}
    assert numbers(library, "restart", only=Only(tags=["execution", "success"])) == {0}


@given(query=st.text(max_size=80))
@example(query="\x00")
@example(query="\ud800")
@example(query="'\"\\%_&|!():*<->")
@example(query='- - -"" OR OR')
@example(query="a" * 5000)
@example(query="%s {in_all} :query :part_0")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_a_query(library: Engine, query: str) -> None:
    found(library, query)


@given(word=st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_what_was_kept_is_found_by_its_own_words(library: Engine, word: str) -> None:
    if parts_of(word) != (word,) or word.startswith("-"):
        return
    with library.connect() as connection, Session(connection) as session:
        kept = deposit(session, Case(title="a case", body=f"before {word} after", path_type="note"))
        assert kept in {one.id for one in search(session, word, limit=200)}
        session.rollback()


def test_an_execution_has_one_case(engine: Engine) -> None:
    execution_id = some_execution(engine)
    case = Case(title="first", body="", path_type="approval_manual", execution_id=execution_id)
    with transaction(engine) as session:
        one = deposit(session, case)
        two = deposit(session, Case(title="second", body="", path_type="approval_manual", execution_id=execution_id))
        assert (two, get_entry(session, one).title) == (one, "first")


def test_a_case_is_written_again_as_its_incident_becomes_known(engine: Engine) -> None:
    execution_id = some_execution(engine)
    with transaction(engine) as session:
        for title, incident_id in (("before", None), ("named", "INC-1"), ("known", "INC-1"), ("not named", None)):
            case = Case(title=title, body="", path_type="note", execution_id=execution_id, incident_id=incident_id)
            kept = deposit(session, case)
        session.expire_all()
        entry = get_entry(session, kept)
        assert (entry.title, entry.incident_id) == ("known", "INC-1")


def test_related_cases_are_the_incidents_own_then_those_that_are_like_it(library: Engine) -> None:
    with transaction(library) as session:
        got = related(session, ["PodCrashLooping", 'no " such'], incident_id="INC-1")
    assert [one.title for one in got] == [CASES[0].title, CASES[1].title]


def test_too_long_texts_are_shortened(engine: Engine) -> None:
    with transaction(engine) as session:
        entry = get_entry(session, deposit(session, Case(title="t " * 999, body="字" * 90_000, path_type="note")))
        assert (len(entry.title), len(entry.body)) == (300, 50_000)


def test_a_case_needs_a_title(engine: Engine) -> None:
    with pytest.raises(InvalidInput, match="title"), transaction(engine) as session:
        deposit(session, Case(title=" \n", body="", path_type="note"))


def some_execution(engine: Engine) -> UUID:
    return owned(engine).execution_id


def test_what_is_rare_is_found_among_many_cases_and_what_is_common_newest_first(all_rights: Engine) -> None:
    with transaction(all_rights) as session:
        session.execute(
            text(
                "INSERT INTO knowledge_entry (id, title, body, path_type, created_at) SELECT gen_random_uuid(),"
                " 'case ' || n, CASE n WHEN 7 THEN 'one zebra 連線池滿' ELSE 'common' END, 'note',"
                " timestamptz '2026-01-01' + n * interval '1 s' FROM generate_series(1, 3000) n"
            )
        )
        session.execute(text("ANALYZE knowledge_entry"))
        for query in ("zebra", "zebr", "連線池"):
            assert [one.title for one in search(session, query)] == ["case 7"], query
        assert [one.title for one in search(session, "common", limit=3)] == ["case 3000", "case 2999", "case 2998"]
        assert [one.title for one in related(session, ["zebra"])] == ["case 7"]
        session.execute(text("SET LOCAL enable_seqscan = off"))
        asked = {"query": "zebra", "part_0": "%連線池%", "ranked": 5}
        for statement, index in ((BY_WORDS, "search"), (BY_PARTS, "title_parts"), (BY_PARTS, "body_parts")):
            parts = "(entry.title ILIKE :part_0 OR entry.body ILIKE :part_0)"
            filled = text("EXPLAIN " + statement.format(excluded="false", tagged="true", chosen="true", in_all=parts))
            given = {name: asked[name] for name in filled.compile().params}
            plan = "\n".join(session.execute(filled, given).scalars())
            assert f"ix_knowledge_entry_block_{index}" in plan


@pytest.mark.parametrize("query", ["", "kubectl", "%"])
@pytest.mark.parametrize(
    ("only", "wanted"),
    [
        (Only(), {0, 1, 2}),
        (Only(entry_type="case"), {0, 1}),
        (Only(entry_type="note"), {2}),
        (Only(source="execution", category="crash"), {1}),
        (Only(author="mei"), {2}),
        (Only(author="alice", category="crash"), set()),
        (Only(category=""), {2}),
        (Only(category="latency' OR true --"), set()),
    ],
)
def test_entries_are_chosen_by_type_category_source_and_author(
    library: Engine, query: str, only: Only, wanted: set[int]
) -> None:
    assert numbers(library, query, only=only) == (wanted if query != "%" else wanted & {1})
