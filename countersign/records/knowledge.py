"""Knowledge: cases in markdown, found by their words, by parts of words, and by Chinese, which has no spaces."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.expression import bindparam
from sqlalchemy.types import Text
from sqlmodel import Session, col, select

from countersign.errors import InvalidInput, NotFound
from countersign.records.database.identifiers import new_id
from countersign.records.database.storable import clean, clipped
from countersign.records.tables import KnowledgeEntry
from countersign.records.tables.knowledge import BODY_LIMIT, TITLE_LIMIT

QUERY_LIMIT = 500
"""Characters of what is searched for."""
PARTS_LIMIT = 8
"""Words whose parts are looked for."""
CASE, NOTE = "case", "note"
"""Types of entries."""
EXECUTION, PERSON = "execution", "person"
"""Sources of entries."""
START, STOP = "«", "»"
"""Around what was found, in an excerpt."""
_MARKS = f'StartSel="{START}", StopSel="{STOP}", MaxFragments=2, MaxWords=24, MinWords=8'
_PART = re.compile(r'-?"[^"]*"|[^\s"]+')
AROUND = 80
"""Characters on either side of a part that was found."""

# Keep a case. That of an execution is written once, and again when more is known of the incident that it has.
DEPOSIT = text("""
    INSERT INTO knowledge_entry AS entry
        (id, execution_id, incident_id, title, body, tags, path_type, entry_type, category, source, author)
    VALUES (:id, :execution_id, :incident_id, :title, :body, :tags, :path_type,
            :entry_type, :category, :source, :author)
    ON CONFLICT (execution_id) DO UPDATE SET
        incident_id = excluded.incident_id, title = excluded.title, body = excluded.body, tags = excluded.tags,
        category = excluded.category
    WHERE excluded.incident_id IS NOT NULL
      AND (entry.incident_id, entry.title, entry.body, entry.tags)
          IS DISTINCT FROM (excluded.incident_id, excluded.title, excluded.body, excluded.tags)
    RETURNING id
""").bindparams(bindparam("tags", type_=ARRAY(Text())))

# Executions whose cases name an incident (ix_knowledge_entry_incident_id).
NAMING = text("""
    SELECT execution_id FROM knowledge_entry WHERE incident_id = :incident_id AND execution_id IS NOT NULL
    ORDER BY execution_id
""")

# What is looked for: words and their forms, as people write them for search engines, or parts of all words.
_ASKED = "websearch_to_tsquery('english', :query)"
_FITS = "NOT ({excluded}) AND ({tagged}) AND ({chosen})"

# Whether there are more entries than the newest that are read one by one.
MORE_THAN_NEAR = """
    SELECT count(*) > :near FROM (SELECT FROM knowledge_entry AS entry WHERE {chosen} LIMIT :near + 1) AS these
"""

# The newest of the newest entries that fit, read one by one (ix_knowledge_entry_created_at): what is common is there.
NEAR_ONES = f"""
    SELECT id FROM (
        SELECT * FROM knowledge_entry AS entry WHERE {{chosen}} ORDER BY created_at DESC LIMIT :near
    ) AS entry
    WHERE (entry.search @@ {_ASKED} OR ({{in_all}})) AND {_FITS}
    ORDER BY created_at DESC LIMIT :ranked
"""  # noqa: S608 - constants of this module, here and below

# The newest that fit, block by block from the newest on; what is rare is nowhere in most of them. The block above the
# newest entry's may have been begun by one that was written at the same time.
_BY_BLOCKS = f"""
    SELECT found.id FROM generate_series(
        (SELECT block + 1 FROM knowledge_entry ORDER BY created_at DESC LIMIT 1), 0, -1
    ) AS place (block), LATERAL (
        SELECT id FROM knowledge_entry AS entry
        WHERE entry.block = place.block AND {{fits}} AND {_FITS}
        ORDER BY seq DESC LIMIT :ranked
    ) AS found
    LIMIT :ranked
"""  # noqa: S608
BY_WORDS = _BY_BLOCKS.replace("{fits}", f"entry.search @@ {_ASKED}")
BY_PARTS = _BY_BLOCKS.replace("{fits}", "({in_all})")

# Those, by rank. The excerpt is made of the rows that are shown alone.
RANKED = f"""
    SELECT found.*, ts_headline('english', found.body, found.words, '{{marks}}') AS excerpt
    FROM (
        SELECT entry.id, entry.execution_id, entry.incident_id, entry.title, entry.body, entry.tags, entry.path_type,
               entry.entry_type, entry.category, entry.source, entry.author, entry.created_at, asked.words,
               entry.search @@ asked.words AS by_words,
               ts_rank_cd(entry.search, asked.words) + CASE WHEN {{in_title}} THEN 0.5 ELSE 0 END AS rank
        FROM knowledge_entry AS entry, {_ASKED} AS asked (words)
        WHERE entry.id = ANY (:ids)
        ORDER BY rank DESC, entry.created_at DESC LIMIT :limit
    ) AS found
    ORDER BY found.rank DESC, found.created_at DESC
"""  # noqa: S608

NEAR = 1_000
"""Newest entries that are read one by one."""
RANKED_ENTRIES = 200
"""The newest entries that fit, among which is ranked."""
SHORTEST_INDEXED = 3
"""Characters of a part that an index knows; shorter ones are looked for in the newest entries."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is to be kept."""

    title: str
    body: str
    """Markdown."""
    path_type: str
    tags: Sequence[str] = ()
    execution_id: UUID | None = None
    incident_id: str | None = None
    entry_type: str = NOTE
    category: str = ""
    source: str = PERSON
    author: str = ""


@dataclass(frozen=True, kw_only=True)
class Only:
    """Which entries are looked at; what is None is not asked about."""

    tags: Sequence[str] = ()
    entry_type: str | None = None
    category: str | None = None
    source: str | None = None
    author: str | None = None

    def columns(self) -> dict[str, str]:
        """Return the columns that are asked about, with what they have to be."""
        asked = {name: getattr(self, name) for name in ("entry_type", "category", "source", "author")}
        return {name: clean(value) for name, value in asked.items() if value is not None}


ANY = Only()


@dataclass(frozen=True, kw_only=True)
class Found:
    """An entry that was found."""

    id: UUID
    execution_id: UUID | None
    incident_id: str | None
    title: str
    tags: tuple[str, ...]
    path_type: str
    entry_type: str
    category: str
    source: str
    author: str
    created_at: datetime
    rank: float
    excerpt: str
    """From the body, with START and STOP around what was found."""


def deposit(session: Session, case: Case) -> UUID:
    """Keep a case and return its entry; an execution has one, which changes with its incident alone.

    Too long texts are shortened.
    """
    asked = {
        "id": new_id(),
        "execution_id": case.execution_id,
        "incident_id": None if case.incident_id is None else clean(case.incident_id),
        "title": clipped(" ".join(case.title.split()), TITLE_LIMIT),
        "body": clipped(case.body, BODY_LIMIT),
        "tags": [clean(tag) for tag in dict.fromkeys(case.tags)],
        "path_type": case.path_type,
        "entry_type": case.entry_type,
        "category": clean(case.category),
        "source": case.source,
        "author": clean(case.author),
    }
    if not asked["title"]:
        raise InvalidInput("title: an entry needs one")
    row = session.execute(DEPOSIT, asked).one_or_none()
    if row is not None:
        return UUID(str(row.id))
    assert case.execution_id is not None, "nothing but an execution's entry can be there"
    return session.exec(select(KnowledgeEntry.id).where(col(KnowledgeEntry.execution_id) == case.execution_id)).one()


def get_entry(session: Session, entry_id: UUID) -> KnowledgeEntry:
    """Return an entry. Raises NotFound."""
    found = session.get(KnowledgeEntry, entry_id)
    if found is None:
        raise NotFound(f"knowledge entry {entry_id} does not exist", hint="`countersign knowledge search` finds them")
    return found


def entry_of(session: Session, execution_id: UUID) -> KnowledgeEntry | None:
    """Return the entry of an execution."""
    query = select(KnowledgeEntry).where(col(KnowledgeEntry.execution_id) == execution_id)
    return session.exec(query.execution_options(populate_existing=True)).one_or_none()


def cases_naming(session: Session, incident_id: str) -> Sequence[UUID]:
    """Return the executions whose cases name the incident."""
    return list(session.execute(NAMING, {"incident_id": clean(incident_id)}).scalars())


def search(session: Session, query: str, *, only: Only = ANY, limit: int = 20) -> Sequence[Found]:
    """Return the entries that fit `query` best, of the newest ones that do; the newest where it is empty. Any text is
    a query.

    `query` is read as search engines do: words, "a phrase", OR, -without. A word also finds what contains it.
    """
    query = clean(query)[:QUERY_LIMIT].strip()
    if not query:
        return _newest(session, only=only, limit=limit)
    return _search(session, query, parts_of(query), without(query), only=only, limit=limit)


def related(
    session: Session, words: Sequence[str], *, incident_id: str | None = None, limit: int = 5
) -> Sequence[Found]:
    """Return entries about an incident, then those in which one of `words` occurs, best first."""
    own = select(KnowledgeEntry).where(col(KnowledgeEntry.incident_id) == incident_id)
    rows = session.exec(own.order_by(col(KnowledgeEntry.created_at).desc()).limit(limit)).all() if incident_id else ()
    found = [_plain(row) for row in rows]
    query = " OR ".join(f'"{word}"' for word in (clean(one).replace('"', " ").strip() for one in words) if word)
    if query and len(found) < limit:
        known = {entry.id for entry in found}
        others = _search(session, query[:QUERY_LIMIT], (), (), only=ANY, limit=limit + len(known))
        found += [entry for entry in others if entry.id not in known]
    return found[:limit]


def parts_of(query: str) -> tuple[str, ...]:
    """Return the words and phrases of `query` whose parts are looked for. Pure."""
    return tuple(part for minus, part in _read(query) if not minus)[:PARTS_LIMIT]


def without(query: str) -> tuple[str, ...]:
    """Return the words and phrases that must not occur, those behind a minus. Pure."""
    return tuple(part for minus, part in _read(query) if minus)[:PARTS_LIMIT]


def excerpt(body: str, parts: Sequence[str]) -> str:
    """Return what surrounds the first of `parts` in `body`, marked; the beginning where there is none. Pure."""
    flat = " ".join(body.split())
    for part in parts:
        if found := re.search(re.escape(part), flat, re.IGNORECASE):
            begin, end = found.span()
            head, tail = flat[max(0, begin - AROUND) : begin], flat[end : end + AROUND]
            return f"{head}{START}{flat[begin:end]}{STOP}{tail}"
    return flat[: 2 * AROUND]


def _read(query: str) -> Sequence[tuple[bool, str]]:
    """Return the distinct words and phrases of `query`, each with whether a minus stands before it."""
    read = []
    for word in _PART.findall(query):
        minus = len(word) > 1 and word.startswith("-")
        part = (word[1:] if minus else word).strip("\"'“”「」,，。 ")
        if part and part.lower() != "or":
            read.append((minus, part))
    return list(dict.fromkeys(read))


def _search(
    session: Session,
    query: str,
    parts: Sequence[str],
    excluded: Sequence[str],
    *,
    only: Only,
    limit: int,
) -> Sequence[Found]:
    names = [f"part_{number}" for number in range(len(parts))]
    others = [f"other_{number}" for number in range(len(excluded))]
    parts_of_statement = {
        "in_title": " AND ".join(f"entry.title ILIKE :{name}" for name in names) or "false",
        "in_all": " AND ".join(map(_somewhere, names)) or "false",
        # Without tags nothing is said of them: an index would go through all that have any.
        "tagged": "entry.tags @> :tags" if only.tags else "true",
        "excluded": " OR ".join(map(_somewhere, others)) or "false",
        "chosen": " AND ".join(f"entry.{name} = :{name}" for name in only.columns()) or "true",
        "marks": _MARKS,
    }
    asked: dict[str, Any] = {"query": query, "tags": list(only.tags), **only.columns()}
    asked |= {name: f"%{_escaped(part)}%" for name, part in zip(names + others, [*parts, *excluded], strict=True)}
    asked |= {"near": NEAR, "ranked": RANKED_ENTRIES, "limit": limit}

    def answered(statement: str, **more: object) -> Sequence[Any]:
        filled = text(statement.format(**parts_of_statement))
        values = {**asked, **more}
        return session.execute(filled, {name: values[name] for name in filled.compile().params}).all()

    ids = [row.id for row in answered(NEAR_ONES)]
    if len(ids) < limit and answered(MORE_THAN_NEAR)[0][0]:
        ids += [row.id for row in answered(BY_WORDS)]
        if len(set(ids)) < limit and any(len(part) >= SHORTEST_INDEXED for part in parts):
            ids += [row.id for row in answered(BY_PARTS)]
    if not ids:
        return []
    return [
        Found(
            id=row.id,
            execution_id=row.execution_id,
            incident_id=row.incident_id,
            title=row.title,
            tags=tuple(row.tags),
            path_type=row.path_type,
            entry_type=row.entry_type,
            category=row.category,
            source=row.source,
            author=row.author,
            created_at=row.created_at,
            rank=float(row.rank),
            excerpt=row.excerpt if row.by_words else excerpt(row.body, parts),
        )
        for row in answered(RANKED, ids=list(dict.fromkeys(ids)))
    ]


def _newest(session: Session, *, only: Only, limit: int) -> Sequence[Found]:
    query = select(KnowledgeEntry).where(col(KnowledgeEntry.tags).contains(list(only.tags)))
    query = query.filter_by(**only.columns())
    return [_plain(row) for row in session.exec(query.order_by(col(KnowledgeEntry.created_at).desc()).limit(limit))]


def _plain(row: KnowledgeEntry) -> Found:
    return Found(
        id=row.id,
        execution_id=row.execution_id,
        incident_id=row.incident_id,
        title=row.title,
        tags=tuple(row.tags),
        path_type=row.path_type,
        entry_type=row.entry_type,
        category=row.category,
        source=row.source,
        author=row.author,
        created_at=row.created_at,
        rank=0.0,
        excerpt=excerpt(row.body, ()),
    )


def _somewhere(name: str) -> str:
    return f"(entry.title ILIKE :{name} OR entry.body ILIKE :{name})"


def _escaped(part: str) -> str:
    """Return `part` so that LIKE takes every character for itself."""
    return re.sub(r"([\\%_])", r"\\\1", part)
