"""The cluster that a kubectl command names: --context NAME or --cluster NAME, by the name that it has here."""

from countersign.actions.common_flags import CLUSTER_FLAGS
from countersign.actions.flags import Given
from countersign.errors import ParseFailure

LONGEST = 253


def named_cluster(given: Given) -> str | None:
    """Return the cluster's name, None where the command names none.

    Raises ParseFailure for what can be no name, and where the two flags differ.
    """
    named = {flag: value for flag in CLUSTER_FLAGS if (value := given.text(flag)) is not None}
    for flag, value in named.items():
        if not value or len(value) > LONGEST or not value.isprintable() or " " in value:
            raise ParseFailure(
                f"--{flag} {value[:60]!r} is not a cluster's name", hint="`countersign clusters list` shows them"
            )
    if len(set(named.values())) > 1:
        raise ParseFailure(
            f"--context says {named['context']!r} and --cluster {named['cluster']!r}", hint="leave one of them out"
        )
    return next(iter(named.values()), None)
