"""Which objects a command names: kubectl's resource builder, for one kind and given names."""

from collections.abc import Sequence
from typing import Final

from countersign.actions.catalogue import Arguments, Entry
from countersign.actions.kinds import KINDS, Kind, find_kind, nearest_kind
from countersign.actions.values import object_name
from countersign.actions.words import Word
from countersign.errors import ParseFailure

_FUNCTION_WORDS: Final = frozenset(
    {"a", "after", "again", "and", "as", "at", "because", "before", "by", "for", "from", "if", "in", "into", "is"}
    | {"it", "its", "of", "on", "or", "please", "since", "so", "that", "the", "then", "this", "to", "when", "with"}
)


def read_objects(words: Sequence[Word], entry: Entry) -> tuple[Kind, tuple[str, ...]]:
    """Return the one kind and the names that `words` mean. Raises ParseFailure naming what is missing or wrong."""
    texts = [word.text for word in words]
    kind, names = _nodes(texts, entry) if entry.arguments is Arguments.NODES else _objects(texts, entry)
    if entry.verb not in kind.verbs:
        possible = ", ".join(known.kind for known in entry.kinds)
        raise ParseFailure(f"{entry.written} does not work on a {kind.kind}", hint=f"it works on {possible}")
    if len(names) > 1:
        _refuse_prose(names)
    return kind, tuple(dict.fromkeys(object_name(name, kind=kind.kind) for name in names))


def _refuse_prose(names: Sequence[str]) -> None:
    """A sentence after the command would read as further names: `delete pod api-0 if it is stuck`."""
    word = next((name for name in names if name.lower() in _FUNCTION_WORDS), None)
    if word is not None:
        raise ParseFailure(
            f"{word!r} would be read as an object's name, but looks like a part of a sentence",
            hint="write the command alone, or put the explanation after #",
        )


def _objects(texts: Sequence[str], entry: Entry) -> tuple[Kind, list[str]]:
    if not texts:
        raise ParseFailure(f"{entry.written} names no object", hint=f"for example: {entry.example}")
    if not any("/" in text for text in texts):
        kind = _kind(texts[0], entry)
        if len(texts) == 1:
            raise ParseFailure(
                f"{entry.written} {texts[0]} names no {kind.kind}: every one in the namespace would be meant",
                hint=f"name it: {kind.singular}/NAME",
            )
        return kind, list(texts[1:])
    kinds: list[Kind] = []
    names: list[str] = []
    for text in texts:
        type_, slash, name = text.partition("/")
        if not slash:
            raise ParseFailure(
                f"{text[:60]!r} stands beside TYPE/NAME, which kubectl does not accept",
                hint=f"write every object as TYPE/NAME: {kinds[0].singular if kinds else 'deployment'}/{text[:60]}",
            )
        if not name or "/" in name:
            raise ParseFailure(f"{text[:60]!r} is not TYPE/NAME", hint=f"for example: {entry.example}")
        kinds.append(_kind(type_, entry))
        names.append(name)
    if len(set(kinds)) > 1:
        raise ParseFailure(
            "the objects are of several kinds: " + ", ".join(dict.fromkeys(kind.kind for kind in kinds)),
            hint="file one action for each kind",
        )
    return kinds[0], names


def _kind(text: str, entry: Entry) -> Kind:
    kind = find_kind(text)
    if kind is not None:
        return kind
    if "," in text:
        raise ParseFailure(f"{text[:60]!r} names several kinds", hint="file one action for each kind")
    near = nearest_kind(text)
    raise ParseFailure(
        f"{text[:60]!r} is not a kind that {entry.written} is supported for",
        hint=f"did you mean {near.singular}?" if near else f"for example: {entry.example}",
    )


def _nodes(texts: Sequence[str], entry: Entry) -> tuple[Kind, list[str]]:
    """Read node names. kubectl takes `node/a` here too; `node a` would be two nodes, which is never meant."""
    node = KINDS["Node"]
    if not texts:
        raise ParseFailure(f"{entry.written} names no node", hint=f"for example: {entry.example}")
    if len(texts) > 1 and find_kind(texts[0]) is node:
        raise ParseFailure(
            f"{entry.written} takes node names only, so {texts[0]!r} would be a node's name",
            hint=f"write {entry.written} {texts[1][:60]}",
        )
    names: list[str] = []
    for text in texts:
        type_, slash, name = text.partition("/")
        if slash and find_kind(type_) is not node:
            raise ParseFailure(f"{entry.written} does not work on {text[:60]!r}", hint="it works on Node")
        names.append(name if slash else text)
    return node, names


def split_pairs(words: Sequence[Word]) -> tuple[list[Word], list[Word]]:
    """Split arguments into objects and KEY=VALUE or KEY- pairs, as kubectl does: the objects come first."""
    for index, word in enumerate(words):
        if _is_pair(word.text):
            late = next((late for late in words[index:] if not _is_pair(late.text)), None)
            if late is not None:
                raise ParseFailure(
                    f"{late.text[:60]!r} stands after the first KEY=VALUE, where only pairs may follow",
                    hint="name the objects first",
                )
            return list(words[:index]), list(words[index:])
    return list(words), []


def _is_pair(text: str) -> bool:
    return ("=" in text and not text.startswith("=")) or (text.endswith("-") and text != "-")
