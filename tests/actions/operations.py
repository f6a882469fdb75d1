"""Hypothesis strategies: every operation that the catalogue knows, with values that Kubernetes would take."""

import re

from hypothesis import strategies as st

from countersign.actions.catalogue import CATALOGUE, Entry
from countersign.actions.json_text import QUOTE_LIKE
from countersign.actions.operation import (
    CreateJobParameters,
    DeleteParameters,
    DrainParameters,
    KubernetesOperation,
    MetadataParameters,
    NoParameters,
    Parameters,
    PatchParameters,
    PatchType,
    ScaleParameters,
    SetEnvParameters,
    SetImageParameters,
    SetResourcesParameters,
    Taint,
    TaintEffect,
    TaintParameters,
    UndoParameters,
    Verb,
)
from countersign.canonical import canonical_json

MARKER = re.compile(r"no[_-]?action|\(未[設设]\)", re.IGNORECASE)
COUNTS = st.integers(0, 2**31 - 1)
NAMES = st.from_regex(r"[a-zA-Z0-9]{1,2}[a-zA-Z0-9._-]{0,8}[0-9]", fullmatch=True)
LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
KEYS = st.from_regex(r"([a-z]{1,5}\.[a-z]{2,3}/)?[a-z][a-zA-Z0-9_.-]{0,8}[a-z]", fullmatch=True)
# What people write into values: anything that can be seen.
TEXTS = st.text(
    st.one_of(
        st.sampled_from(" '\"\\$`;&|<>(){}*?#=,\n\t-—，。：；（）“”重啟服務"),
        st.characters(
            exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"],
            exclude_characters="\u115f\u1160\u3164\uffa0\u2800\u034f",
        ),
    ),
    max_size=20,
)
# No field is called so: what has quotes in its name was copied wrongly, and is refused.
FIELDS = TEXTS.filter(lambda text: not set(text) & QUOTE_LIKE)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=3),
    max_leaves=6,
)


def _pairs(
    keys: st.SearchStrategy[str], values: st.SearchStrategy[str], least: int = 1
) -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    return st.dictionaries(keys, values, min_size=least, max_size=3).map(lambda found: tuple(found.items()))


def _removed(keys: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(keys.map(lambda key: f"{key}2"), min_size=1, max_size=2, unique=True).map(tuple)


QUANTITIES = _pairs(
    st.sampled_from(["cpu", "memory", "nvidia.com/gpu"]), st.sampled_from(["1", "200m", "1.5", "512Mi", "2e3"])
)
CONTAINERS = st.sampled_from(["*", "web", "web-*"])
ENV_NAMES = st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True)
IMAGES = st.from_regex(
    r"([a-z]{1,5}\.[a-z]{2}(:[0-9]{2,4})?/)?[a-z]{1,6}(:[a-z0-9.]{1,5}|@sha256:[a-f0-9]{8})?", fullmatch=True
)
POINTERS = st.from_regex(r"(/[a-z0-9~]{1,4}){1,3}", fullmatch=True)
JSON_PATCHES = st.lists(
    st.fixed_dictionaries({"op": st.sampled_from(["add", "replace", "test"]), "path": POINTERS, "value": JSON})
    | st.fixed_dictionaries({"op": st.just("remove"), "path": POINTERS}),
    min_size=1,
    max_size=3,
)


def parameters_for(verb: Verb) -> st.SearchStrategy[Parameters]:
    """Strategy for the parameters of `verb`."""
    match verb:
        case Verb.RESTART | Verb.PAUSE | Verb.RESUME | Verb.CORDON | Verb.UNCORDON:
            return st.just(NoParameters())
        case Verb.UNDO:
            return st.builds(UndoParameters, st.none() | st.integers(1, 2**31 - 1))
        case Verb.SCALE:
            return st.builds(ScaleParameters, COUNTS, st.none() | COUNTS)
        case Verb.DELETE:
            return st.builds(DeleteParameters, st.none() | COUNTS, st.just(False)) | st.builds(
                DeleteParameters, st.sampled_from([None, 0]), st.just(True)
            )
        case Verb.SET_IMAGE:
            return st.builds(SetImageParameters, _pairs(LABELS | st.just("*"), IMAGES))
        case Verb.SET_ENV:
            return st.builds(
                SetEnvParameters,
                _pairs(ENV_NAMES, TEXTS),
                st.just(()) | _removed(ENV_NAMES.map(lambda k: f"R{k}x")),
                CONTAINERS,
                st.booleans(),
            )
        case Verb.SET_RESOURCES:
            return st.builds(SetResourcesParameters, QUANTITIES, st.just(()) | QUANTITIES, CONTAINERS)
        case Verb.DRAIN:
            return st.builds(
                DrainParameters,
                st.booleans(),
                st.booleans(),
                st.booleans(),
                st.none() | COUNTS,
                st.none() | st.integers(1, 10**6),
            )
        case Verb.PATCH:
            objects = st.dictionaries(FIELDS, JSON, max_size=3)
            return st.builds(
                PatchParameters, st.sampled_from([PatchType.STRATEGIC, PatchType.MERGE]), objects.map(canonical_json)
            ) | st.builds(PatchParameters, st.just(PatchType.JSON), JSON_PATCHES.map(canonical_json))
        case Verb.CREATE_JOB:
            return st.builds(CreateJobParameters, LABELS)
        case Verb.TAINT:
            taints = st.builds(Taint, KEYS, st.sampled_from(["", "a", "a.b-c_D9"]), st.sampled_from(TaintEffect))
            removed = st.tuples(_removed(KEYS).map(lambda keys: keys[0]), st.none() | st.sampled_from(TaintEffect))
            return st.builds(
                TaintParameters,
                st.lists(taints, min_size=1, max_size=3, unique_by=lambda taint: (taint.key, taint.effect)).map(
                    tuple
                ),
                st.just(()) | removed.map(lambda one: (one,)),
                st.booleans(),
            )
        case Verb.ANNOTATE | Verb.LABEL:
            values = TEXTS if verb is Verb.ANNOTATE else st.sampled_from(["", "a", "a.b-c_D9"])
            return st.builds(MetadataParameters, _pairs(KEYS, values), st.just(()) | _removed(KEYS), st.booleans())


def operations(entries: tuple[Entry, ...] = CATALOGUE) -> st.SearchStrategy[KubernetesOperation]:
    """An operation of one of the catalogue's entries. None has an observation's marker in a value: a text with both
    contradicts itself.
    """
    return _operations(entries).filter(lambda operation: MARKER.search(repr(operation)) is None)


@st.composite
def _operations(draw: st.DrawFn, entries: tuple[Entry, ...]) -> KubernetesOperation:
    entry = draw(st.sampled_from(entries))
    kind = draw(st.sampled_from(entry.kinds))
    most = 1 if entry.verb is Verb.CREATE_JOB else 3
    return KubernetesOperation(
        verb=entry.verb,
        kind=kind.kind,
        names=tuple(draw(st.lists(NAMES, min_size=1, max_size=most, unique=True))),
        namespace=draw(st.none() | LABELS) if kind.namespaced else None,
        parameters=draw(parameters_for(entry.verb)),
        cluster=draw(st.none() | LABELS),
    )
