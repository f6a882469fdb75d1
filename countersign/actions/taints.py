"""Taints as kubectl taint reads them: `key=value:Effect`, `key:Effect`, and with a dash at the end to remove."""

from collections.abc import Sequence
from difflib import get_close_matches

from countersign.actions.catalogue import Entry
from countersign.actions.operation import Taint, TaintEffect, TaintParameters
from countersign.actions.values import label_value, metadata_key
from countersign.errors import ParseFailure


def read_taints(texts: Sequence[str], *, overwrite: bool, entry: Entry) -> TaintParameters:
    """Return the taints to set and to remove. Raises ParseFailure naming the one that is wrong.

    The rules are kubectl's (pkg/cmd/taint, parseTaints): a value beside the dash at the end is not looked at.
    """
    set_: dict[tuple[str, TaintEffect], Taint] = {}
    remove: list[tuple[str, TaintEffect | None]] = []
    for text in texts:
        spec, colon, effect = text.removesuffix("-").partition(":")
        key, _, value = spec.partition("=")
        metadata_key(key, of="taint")
        label_value(value)
        if text.endswith("-"):
            remove.append((key, _effect(effect, text) if colon else None))
            continue
        if not colon:
            raise ParseFailure(
                f"{text[:60]!r} names no effect", hint=f"one of {', '.join(TaintEffect)}: {text[:60]}:NoSchedule"
            )
        taint = Taint(key, value, _effect(effect, text))
        if set_.setdefault((key, taint.effect), taint) != taint:
            raise ParseFailure(f"{key}:{taint.effect} is given two values", hint="keep one of them")
    if not texts:
        raise ParseFailure("kubectl taint names no taint", hint=f"for example: {entry.example}")
    for key, removed in remove:
        if any(key == known and removed in (None, effect) for known, effect in set_):
            raise ParseFailure(f"{key[:60]!r} is set and removed in one command", hint="keep one of them")
    return TaintParameters(tuple(set_.values()), tuple(dict.fromkeys(remove)), overwrite)


def taint_text(taint: Taint) -> str:
    """Return a taint as kubectl reads it."""
    return f"{taint.key}={taint.value}:{taint.effect}" if taint.value else f"{taint.key}:{taint.effect}"


def removal_text(key: str, effect: TaintEffect | None) -> str:
    """Return the removal of a taint as kubectl reads it."""
    return f"{key}-" if effect is None else f"{key}:{effect}-"


def _effect(text: str, whole: str) -> TaintEffect:
    try:
        return TaintEffect(text)
    except ValueError:
        near = get_close_matches(text.lower()[:40], [effect.lower() for effect in TaintEffect], n=1, cutoff=0.5)
        meant = next((effect for effect in TaintEffect if near and effect.lower() == near[0]), None)
        raise ParseFailure(
            f"{whole[:60]!r} has the effect {text[:40]!r}, which Kubernetes does not know",
            hint=f"did you mean {meant}?" if meant else f"one of {', '.join(TaintEffect)}",
        ) from None
