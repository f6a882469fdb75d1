"""Tools that an action may name and that are not run here: which, why not, and what does the same."""

import re
from typing import Final

from countersign.errors import ParseFailure

_BY_HAND: Final = "run it by hand, and file NO_ACTION with what was done"
_BEFORE: Final = re.compile(r"^[\s`$#>❯→*-]*(?:[A-Za-z ]{1,30}:\s*`?)?")
_TOOLS: Final[dict[str, tuple[str, str]]] = {
    "helm rollback": (
        "only its own history knows what a release was",
        "kubectl rollout undo deployment/NAME returns one workload to its earlier pods; for the whole release "
        + _BY_HAND,
    ),
    "helm": ("it changes many objects at once, from charts that are not in the text", _BY_HAND),
    "argocd app sync": (
        "it talks to Argo CD's own server",
        """where the policy's custom_resources allows it: kubectl patch application NAME -n argocd --type=merge """
        """-p '{"operation":{"sync":{}}}'""",
    ),
    "argocd": ("it talks to Argo CD's own server", _BY_HAND),
    "flux reconcile": (
        "it waits for Flux's controllers",
        "where the policy's custom_resources allows it: kubectl annotate "
        "kustomizations.kustomize.toolkit.fluxcd.io/NAME reconcile.fluxcd.io/requestedAt=TIME --overwrite",
    ),
    "flux": ("it changes what is deployed from Git", _BY_HAND),
    "kustomize": ("it needs files", "kubectl patch changes fields of a named object"),
    "kubectl-argo-rollouts": ("it is a plugin of kubectl", "kubectl patch rollout NAME --type=merge -p '{…}'"),
    "istioctl": ("it changes the mesh's own configuration", _BY_HAND),
    "terraform": ("it changes whole infrastructures from files", _BY_HAND),
    "ansible-playbook": ("it changes many hosts from files", "ssh HOST 'COMMAND' runs one host tool"),
    "ansible": ("it changes many hosts at once", "ssh HOST 'COMMAND' runs one host tool"),
    "aws": ("cloud accounts are out of reach here", _BY_HAND),
    "gcloud": ("cloud accounts are out of reach here", _BY_HAND),
    "az": ("cloud accounts are out of reach here", _BY_HAND),
}


def other_tool(text: str) -> ParseFailure | None:
    """Return the refusal of a text in which a line is a command of a known tool, None if there is none."""
    for line in text.splitlines():
        words = _BEFORE.sub("", line).split()
        for length in (3, 2, 1):
            name = " ".join(words[:length]).lower()
            if name in _TOOLS and len(words) > 1:
                why, hint = _TOOLS[name]
                return ParseFailure(f"{name} is not supported: {why}", hint=hint)
    return None
