"""Which objects a command names: kubectl's resource builder, for given kinds and names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from countersign.actions.catalogue import Arguments, Entry
from countersign.actions.flags import Given
from countersign.actions.kinds import KINDS, Kind, find_kind, find_version, nearest_kind
from countersign.actions.operation import Named
from countersign.actions.values import object_name
from countersign.actions.words import Word
from countersign.errors import ParseFailure

_FUNCTION_WORDS: Final = frozenset(
    {"a", "after", "again", "and", "as", "at", "because", "before", "by", "for", "from", "if", "in", "into", "is"}
    | {"it", "its", "of", "on", "or", "please", "since", "so", "that", "the", "then", "this", "to", "when", "with"}
)


@dataclass(frozen=True)
class _Type:
    """A kind as it was written."""

    kind: Kind
    version: str | None = None


def read_objects(words: Sequence[Word], entry: Entry) -> tuple[Named, ...]:
    """Return the objects that `words` mean, by kind. Raises ParseFailure naming what is missing or wrong."""
    texts = [word.text for word in words]
    match entry.arguments:
        case Arguments.NODES:
            found = _nodes(texts, entry)
        case Arguments.NODES_AND_TAINTS:
            found = _typed_nodes(texts, entry)
        case _:
            found = _objects(texts, entry)
    by_type: dict[_Type, list[str]] = {}
    for type_, name in found:
        if entry.verb not in type_.kind.verbs:
            possible = ", ".join(known.kind for known in entry.kinds)
            raise ParseFailure(
                f"{entry.written} does not work on a {type_.kind.kind}", hint=f"it works on {possible}"
            )
        by_type.setdefault(type_, []).append(name)
    if len(by_type) > 1 and (not entry.several_kinds or len({type_.kind for type_ in by_type}) < len(by_type)):
        raise ParseFailure(
            "the objects are of several kinds: " + ", ".join(_shown(type_) for type_ in by_type),
            hint="file one action for each kind",
        )
    if len(found) > 1 and not any("/" in text for text in texts):
        _refuse_prose([name for _, name in found])
    return tuple(
        Named(
            type_.kind.kind,
            tuple(dict.fromkeys(object_name(name, kind=type_.kind.kind) for name in names)),
            type_.version,
        )
        for type_, names in by_type.items()
    )


def _shown(type_: _Type) -> str:
    return type_.kind.kind if type_.version is None else f"{type_.kind.kind} ({type_.version})"


def _refuse_prose(names: Sequence[str]) -> None:
    """A sentence after the command would read as further names: `delete pod api-0 if it is stuck`."""
    # An object may well be called `a`: right after its type, it is hardly the article.
    names = names[1:] if len(names[0]) == 1 else names
    word = next((name for name in names if name.lower() in _FUNCTION_WORDS), None)
    if word is not None:
        raise ParseFailure(
            f"{word!r} would be read as an object's name, but looks like a part of a sentence",
            hint="write the command alone, or put the explanation after #",
        )


def _objects(texts: Sequence[str], entry: Entry) -> list[tuple[_Type, str]]:
    if not texts:
        raise ParseFailure(f"{entry.written} names no object", hint=f"for example: {entry.example}")
    if not any("/" in text for text in texts):
        type_ = _type(texts[0], entry)
        if len(texts) == 1:
            raise ParseFailure(
                f"{entry.written} {texts[0]} names no {type_.kind.kind}: every one in the namespace would be meant",
                hint=f"name it: {type_.kind.singular}/NAME",
            )
        return [(type_, name) for name in texts[1:]]
    found: list[tuple[_Type, str]] = []
    for text in texts:
        written, slash, name = text.partition("/")
        if not slash:
            first = found[0][0].kind.singular if found else "deployment"
            raise ParseFailure(
                f"{text[:60]!r} stands beside TYPE/NAME, which kubectl does not accept",
                hint=f"write every object as TYPE/NAME: {first}/{text[:60]}",
            )
        if not name or "/" in name:
            raise ParseFailure(f"{text[:60]!r} is not TYPE/NAME", hint=f"for example: {entry.example}")
        found.append((_type(written, entry), name))
    return found


def _type(text: str, entry: Entry) -> _Type:
    kind = find_kind(text)
    if kind is not None:
        return _Type(kind)
    versioned = find_version(text)
    if versioned is not None:
        kind, version = versioned
        if version not in kind.versions:
            group = kind.group or "the core group"
            raise ParseFailure(
                f"{kind.kind} of {group} has no version {version}",
                hint=f"it has {', '.join(kind.versions)}; {kind.singular} alone is the version the cluster prefers",
            )
        return _Type(kind, version)
    if "," in text:
        raise ParseFailure(f"{text[:60]!r} names several kinds", hint="file one action for each kind")
    near = nearest_kind(text)
    raise ParseFailure(
        f"{text[:60]!r} is not a kind that {entry.written} is supported for",
        hint=f"did you mean {near.singular}?" if near else f"for example: {entry.example}",
    )


def _nodes(texts: Sequence[str], entry: Entry) -> list[tuple[_Type, str]]:
    """Read node names. kubectl takes `node/a` here too; `node a` would be two nodes, which is never meant."""
    node = KINDS["Node"]
    if not texts:
        raise ParseFailure(f"{entry.written} names no node", hint=f"for example: {entry.example}")
    if len(texts) > 1 and find_kind(texts[0]) is node:
        raise ParseFailure(
            f"{entry.written} takes node names only, so {texts[0]!r} would be a node's name",
            hint=f"write {entry.written} {texts[1][:60]}",
        )
    found: list[tuple[_Type, str]] = []
    for text in texts:
        type_, slash, name = text.partition("/")
        if slash and find_kind(type_) is not node:
            raise ParseFailure(f"{entry.written} does not work on {text[:60]!r}", hint="it works on Node")
        found.append((_Type(node), name if slash else text))
    return found


def _typed_nodes(texts: Sequence[str], entry: Entry) -> list[tuple[_Type, str]]:
    """Read `nodes a b`: kubectl taint wants the type, and only that one (kubectl, pkg/cmd/taint)."""
    if not texts or texts[0].lower() not in ("node", "nodes"):
        first = texts[0].rpartition("/")[2] if texts else "NODE"
        raise ParseFailure(
            f"{entry.written} takes the word nodes and then names",
            hint=f"write {entry.written} nodes {first[:60]} KEY=VALUE:EFFECT",
        )
    if len(texts) == 1:
        raise ParseFailure(f"{entry.written} names no node", hint=f"for example: {entry.example}")
    return [(_Type(KINDS["Node"]), name) for name in texts[1:]]


def split_taints(words: Sequence[Word]) -> tuple[list[Word], list[Word]]:
    """Split arguments into nodes and taints, as kubectl does: what has = or : or ends with - is a taint."""
    return _split(words, _is_taint)


def _is_taint(text: str) -> bool:
    return "=" in text or ":" in text or text.endswith("-")


def source_of_job(words: Sequence[Word], given: Given, entry: Entry) -> tuple[list[Word], list[Word]]:
    """Return the CronJob that --from names, and the Job's name. Raises ParseFailure naming what is missing."""
    source = given.text("from")
    if source is None:
        raise ParseFailure(f"{entry.written} lacks --from", hint=f"for example: {entry.example}")
    if "/" not in source:
        raise ParseFailure(f"--from={source[:60]} names no CronJob", hint=f"write --from=cronjob/{source[:60]}")
    if len(words) != 1:
        what = "names no job" if not words else f"has {words[1].text[:60]!r} beside the job's name"
        raise ParseFailure(f"{entry.written} {what}", hint=f"for example: {entry.example}")
    return [Word(source)], list(words)


def split_pairs(words: Sequence[Word]) -> tuple[list[Word], list[Word]]:
    """Split arguments into objects and KEY=VALUE or KEY- pairs, as kubectl does: the objects come first."""
    return _split(words, _is_pair)


def _split(words: Sequence[Word], is_pair: Callable[[str], bool]) -> tuple[list[Word], list[Word]]:
    for index, word in enumerate(words):
        if is_pair(word.text):
            late = next((late for late in words[index:] if not is_pair(late.text)), None)
            if late is not None:
                raise ParseFailure(
                    f"{late.text[:60]!r} stands after the first KEY=VALUE, where only pairs may follow",
                    hint="name the objects first",
                )
            return list(words[:index]), list(words[index:])
    return list(words), []


def _is_pair(text: str) -> bool:
    return ("=" in text and not text.startswith("=")) or (text.endswith("-") and text != "-")
