"""Custom resources as an action names them: `rollouts.argoproj.io`, and short words for those that everybody knows.

Which kinds a cluster has is for the cluster to say, and which of them may be changed for the policy
(custom_resources). What is read here is only that the word means a kind of some group that is not Kubernetes' own.
"""

import re
from typing import Final

from countersign.actions.operation import Verb

CUSTOM_VERBS: Final = frozenset({Verb.ANNOTATE, Verb.LABEL, Verb.PATCH})
_VERSION: Final = re.compile(r"v[0-9]+(?:(?:alpha|beta)[0-9]+)?")
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
_GROUP: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?){1,8}")
# Kubernetes' own groups with a dot; their kinds are in countersign.actions.kinds or are not acted on.
_OWN: Final = re.compile(r"(?:[a-z]+|rbac\.authorization|(?:flowcontrol|internal)\.apiserver)\.k8s\.io")
_KNOWN: Final = {
    "rollouts.argoproj.io": ("rollout", "rollouts", "ro"),
    "applications.argoproj.io": ("application", "applications", "app", "apps"),
    "certificates.cert-manager.io": ("certificate", "certificates", "cert", "certs"),
    "certificaterequests.cert-manager.io": ("certificaterequest", "certificaterequests", "cr", "crs"),
    "kustomizations.kustomize.toolkit.fluxcd.io": ("kustomization", "kustomizations", "ks"),
    "helmreleases.helm.toolkit.fluxcd.io": ("helmrelease", "helmreleases", "hr"),
    "scaledobjects.keda.sh": ("scaledobject", "scaledobjects", "so"),
}
_BY_WORD: Final = {
    spelling: resource
    for resource, words in _KNOWN.items()
    for word in words
    for spelling in (word, f"{word}.{resource.partition('.')[2]}")
}


def custom_resource(word: str) -> tuple[str, str | None] | None:
    """Return `name.group` and the version of what `word` means, None where it is no custom resource's type.

    The name is as written; whether it is the plural, the singular or a short name, the cluster knows.
    """
    name, _, rest = word.lower().partition(".")
    version, dot, group = rest.partition(".")
    if not (dot and _VERSION.fullmatch(version)):
        version, group = "", rest
    known = _BY_WORD.get(f"{name}.{group}" if group else name)
    if known is not None:
        return known, version or None
    if not _NAME.fullmatch(name) or not _GROUP.fullmatch(group) or _OWN.fullmatch(group):
        return None
    return f"{name}.{group}", version or None


def is_custom(kind: str) -> bool:
    """Tell whether an operation's kind is a custom resource."""
    return "." in kind
