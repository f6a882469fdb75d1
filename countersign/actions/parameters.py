"""From flags and pairs to an operation's parameters, one reader for each verb."""

from collections.abc import Sequence
from typing import assert_never

from countersign.actions import values
from countersign.actions.catalogue import Entry
from countersign.actions.flags import Given
from countersign.actions.operation import (
    CreateJobParameters,
    DeleteParameters,
    DrainParameters,
    MetadataParameters,
    NoParameters,
    Parameters,
    PatchParameters,
    PatchType,
    ScaleParameters,
    SetEnvParameters,
    SetImageParameters,
    SetResourcesParameters,
    UndoParameters,
    Verb,
)
from countersign.actions.patches import canonical_patch
from countersign.actions.taints import read_taints
from countersign.actions.words import Word
from countersign.errors import ParseFailure


def read_parameters(entry: Entry, given: Given, pairs: Sequence[Word]) -> Parameters:
    """Return the parameters of `entry`'s operation. Raises ParseFailure naming the flag or pair."""
    match entry.verb:
        case Verb.RESTART | Verb.PAUSE | Verb.RESUME | Verb.CORDON | Verb.UNCORDON:
            return NoParameters()
        case Verb.UNDO:
            # kubectl: revision 0 is the one before the current.
            return UndoParameters(_number(given, "to-revision") or None)
        case Verb.SCALE:
            replicas = _number(given, "replicas")
            if replicas is None:
                raise ParseFailure("kubectl scale lacks --replicas", hint=f"for example: {entry.example}")
            return ScaleParameters(replicas, _number(given, "current-replicas", unset=-1))
        case Verb.DELETE:
            return _delete(given)
        case Verb.SET_IMAGE:
            return _images(entry, pairs)
        case Verb.SET_ENV:
            return _environment(entry, given, pairs)
        case Verb.SET_RESOURCES:
            return _resources(entry, given)
        case Verb.DRAIN:
            return DrainParameters(
                ignore_daemonsets=given.switch("ignore-daemonsets"),
                delete_emptydir_data=given.switch("delete-emptydir-data") or given.switch("delete-local-data"),
                force=given.switch("force"),
                grace_period_seconds=_number(given, "grace-period", unset=-1),
                timeout_seconds=_duration(given, "timeout"),
            )
        case Verb.PATCH:
            return _patch(entry, given)
        case Verb.ANNOTATE | Verb.LABEL:
            return _metadata(entry, given, pairs)
        case Verb.TAINT:
            return read_taints([word.text for word in pairs], overwrite=given.switch("overwrite"), entry=entry)
        case Verb.CREATE_JOB:
            return CreateJobParameters(values.job_name(pairs[0].text))
        case _:
            assert_never(entry.verb)


def _number(given: Given, name: str, *, unset: int | None = None) -> int | None:
    """Read a whole number; `unset` is the value by which kubectl says that the flag was not given."""
    text = given.text(name)
    if text is None or (unset is not None and text == str(unset)):
        return None
    return values.whole_number(text, of=f"--{name}")


def _duration(given: Given, name: str) -> int | None:
    text = given.text(name)
    return None if text is None else values.seconds(text, of=f"--{name}")


def _delete(given: Given) -> DeleteParameters:
    grace = _number(given, "grace-period", unset=-1)
    force = given.switch("force")
    if given.switch("now"):
        if grace is not None:
            raise ParseFailure("--now and --grace-period contradict each other", hint="keep one of them")
        grace = 1
    if force and grace:
        raise ParseFailure("--force means no grace period, which contradicts a longer one", hint="leave out --force")
    return DeleteParameters(grace, force, given.switch("ignore-not-found"))


def _images(entry: Entry, pairs: Sequence[Word]) -> SetImageParameters:
    out: dict[str, str] = {}
    for word in pairs:
        container, equals, image = word.text.partition("=")
        if not equals:
            raise ParseFailure(f"{word.text[:60]!r} is not CONTAINER=IMAGE", hint=f"for example: {entry.example}")
        values.container_name(container)
        values.image(image, container=container)
        if out.setdefault(container, image) != image:
            raise ParseFailure(f"container {container} is given two images", hint="keep one of them")
    if not out:
        raise ParseFailure("kubectl set image names no image", hint=f"for example: {entry.example}")
    return SetImageParameters(tuple(out.items()))


def _environment(entry: Entry, given: Given, pairs: Sequence[Word]) -> SetEnvParameters:
    texts = [*(word.text for word in pairs), *given.values.get("env", ())]
    for text in texts:
        if "=" not in text and not text.endswith("-"):
            raise ParseFailure(f"{text[:60]!r} is not KEY=VALUE or KEY-", hint=f"for example: {entry.example}")
    set_, remove = _pairs(texts, entry)
    for key in (*set_, *remove):
        values.env_name(key)
    return SetEnvParameters(
        tuple(set_.items()),
        remove,
        values.containers(given.text("containers") or "*"),
        given.switch("overwrite", default=True),
    )


def _resources(entry: Entry, given: Given) -> SetResourcesParameters:
    limits, requests = given.text("limits"), given.text("requests")
    if not limits and not requests:
        raise ParseFailure(
            "kubectl set resources lacks --limits and --requests", hint=f"for example: {entry.example}"
        )
    return SetResourcesParameters(
        values.quantities(limits, of="--limits") if limits else (),
        values.quantities(requests, of="--requests") if requests else (),
        values.containers(given.text("containers") or "*"),
    )


def _patch(entry: Entry, given: Given) -> PatchParameters:
    text = given.text("patch")
    if text is None:
        raise ParseFailure("kubectl patch lacks -p", hint=f"for example: {entry.example}")
    type_ = PatchType(given.text("type") or PatchType.STRATEGIC)
    return PatchParameters(type_, canonical_patch(text, type_))


def _metadata(entry: Entry, given: Given, pairs: Sequence[Word]) -> MetadataParameters:
    set_, remove = _pairs([word.text for word in pairs], entry)
    for key in (*set_, *remove):
        values.metadata_key(key, of=entry.verb.value if entry.verb is Verb.LABEL else "annotation")
    if entry.verb is Verb.LABEL:
        for value in set_.values():
            values.label_value(value)
    return MetadataParameters(tuple(set_.items()), remove, given.switch("overwrite"))


def _pairs(texts: Sequence[str], entry: Entry) -> tuple[dict[str, str], tuple[str, ...]]:
    set_: dict[str, str] = {}
    remove: list[str] = []
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            remove.append(text[:-1])
        elif set_.setdefault(key, value) != value:
            raise ParseFailure(f"{key[:60]!r} is given two values", hint="keep one of them")
    if not texts:
        raise ParseFailure(f"{entry.written} names nothing to change", hint=f"for example: {entry.example}")
    both = set_.keys() & set(remove)
    if both:
        raise ParseFailure(f"{min(both)[:60]!r} is set and removed in one command", hint="keep one of them")
    return set_, tuple(dict.fromkeys(remove))
