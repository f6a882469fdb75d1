"""Pure: which existing object a name in an action means, if it surely means one.

Only certain decorations are taken off: case, `_` for `-`, a pod's hash or ordinal, a `-service`, `-svc` or
`-deployment` suffix. Anything else is a suggestion, never a match.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Final

_SUFFIXES: Final = ("-service", "-svc", "-deployment")
# Kubernetes' safe alphabet (apimachinery util/rand): no vowels, no 0, 1, 3.
_SAFE: Final = "[bcdfghjklmnpqrstvwxz2456789]"
_POD_TAILS: Final[dict[str, tuple[re.Pattern[str], ...]]] = {
    "Deployment": (re.compile(rf"-{_SAFE}{{6,10}}-{_SAFE}{{5}}$"), re.compile(rf"-{_SAFE}{{6,10}}$")),
    "ReplicaSet": (re.compile(rf"-{_SAFE}{{5}}$"),),
    "DaemonSet": (re.compile(rf"-{_SAFE}{{5}}$"),),
    "StatefulSet": (re.compile(r"-\d+$"),),
    "Job": (re.compile(rf"-{_SAFE}{{5}}$"),),
}


def normal_forms(name: str, kind: str) -> frozenset[str]:
    """Return the names that `name` may stand for under `kind`, itself normalised included."""
    forms = {name.strip().lower().replace("_", "-")}
    for tail in _POD_TAILS.get(kind, ()):
        forms |= {tail.sub("", form) for form in forms}
    if kind not in ("Pod", "Node"):
        forms |= {form.removesuffix(suffix) for form in forms for suffix in _SUFFIXES}
    return frozenset(form for form in forms if form)


def matching(name: str, kind: str, existing: Iterable[str]) -> tuple[str, ...]:
    """Return every existing name that is one of `name`'s normal forms, sorted."""
    forms = normal_forms(name, kind)
    return tuple(sorted(item for item in set(existing) if item in forms))


def nearest(name: str, existing: Sequence[str], *, limit: int = 5) -> tuple[str, ...]:
    """Return the existing names that look most like `name`, best first."""
    lowered = name.lower().replace("_", "-")
    close = difflib.get_close_matches(lowered, existing, n=limit, cutoff=0.5)
    stem = lowered.split("-", maxsplit=1)[0]
    also = sorted(item for item in existing if item not in close and item.split("-", maxsplit=1)[0] == stem)
    return tuple([*close, *also][:limit])
