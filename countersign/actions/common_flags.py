"""Flags that several commands share: kubectl's global ones, and those of its resource builder and printer."""

from typing import Final

from countersign.actions.flags import Flag, Takes, Use

CLUSTER_HINT: Final = (
    "leave it out: the cluster and its credentials are those of a cluster block; --context NAME says which"
)
_ELSEWHERE: Final = "it would reach another cluster or act as somebody else"
_LOGS: Final = "request logs can show what must stay secret"
_UNBOUNDED: Final = "what it selects is not known when the action is signed, so its blast radius is unbounded"
_NAME_THEM: Final = "name the objects, for example: deployment/api deployment/web"


def _refused(
    name: str,
    why: str,
    *,
    short: str = "",
    takes: Takes = Takes.TEXT,
    hint: str | None = None,
    reaches: bool = False,
) -> Flag:
    return Flag(name, takes, short, Use.REFUSED, why, hint, reaches=reaches)


NAMESPACE: Final = Flag("namespace", short="n")

# Both mean one of the clusters that are connected here, by the name it has here.
CLUSTER_FLAGS: Final = ("context", "cluster")

GLOBAL: Final = (
    NAMESPACE,
    *(Flag(name) for name in CLUSTER_FLAGS),
    *(
        _refused(name, _ELSEWHERE, hint=CLUSTER_HINT, reaches=True)
        for name in (
            "as",
            "as-group",
            "as-uid",
            "as-user-extra",
            "certificate-authority",
            "client-certificate",
            "client-key",
            "kubeconfig",
            "kuberc",
            "password",
            "proxy-url",
            "tls-server-name",
            "token",
            "user",
            "username",
        )
    ),
    _refused("server", _ELSEWHERE, short="s", hint=CLUSTER_HINT, reaches=True),
    _refused("insecure-skip-tls-verify", _ELSEWHERE, takes=Takes.SWITCH, hint=CLUSTER_HINT, reaches=True),
    _refused("cache-dir", "it would write files", hint="leave it out", reaches=True),
    _refused("profile", "it would write files", hint="leave it out", reaches=True),
    _refused("profile-output", "it would write files", hint="leave it out", reaches=True),
    _refused("v", _LOGS, short="v", takes=Takes.TEXT, hint="leave it out", reaches=True),
    _refused("vmodule", _LOGS, hint="leave it out", reaches=True),
    Flag("request-timeout", Takes.TEXT, use=Use.IGNORED),
    _refused("help", "it only prints help", short="h", takes=Takes.SWITCH, hint="write the whole command"),
)

FILES: Final = (
    _refused("filename", "it would read files or addresses", short="f", hint=_NAME_THEM, reaches=True),
    _refused("kustomize", "it would read files", short="k", hint=_NAME_THEM, reaches=True),
    _refused("recursive", "it belongs to --filename", short="R", takes=Takes.SWITCH, hint=_NAME_THEM),
)

SELECTION: Final = (
    _refused("selector", _UNBOUNDED, short="l", hint=_NAME_THEM),
    _refused("field-selector", _UNBOUNDED, hint=_NAME_THEM),
    _refused("all", _UNBOUNDED, takes=Takes.SWITCH, hint=_NAME_THEM),
    _refused("all-namespaces", _UNBOUNDED, short="A", takes=Takes.SWITCH, hint=_NAME_THEM),
)

DRY_RUN: Final = Flag(
    "dry-run",
    Takes.OPTIONAL,
    use=Use.REFUSED,
    why="the action's text is what will be done",
    hint="leave it out and run the approval with dry_run instead",
    only=("none",),
)

OUTPUT: Final = Flag("output", short="o", use=Use.IGNORED, only=("name", "yaml", "json", "wide"))
FIELD_MANAGER: Final = Flag("field-manager", use=Use.IGNORED)
RECORD: Final = Flag("record", Takes.SWITCH, use=Use.IGNORED)
TIMEOUT_IGNORED: Final = Flag("timeout", Takes.DURATION, use=Use.IGNORED)
LOCAL: Final = _refused("local", "it would change nothing in the cluster", takes=Takes.SWITCH, hint="leave it out")
RESOURCE_VERSION: Final = _refused("resource-version", "the plan fixes its own preconditions", hint="leave it out")

CHANGING: Final = (*GLOBAL, *FILES, *SELECTION, DRY_RUN, OUTPUT)
"""What every command that changes something has in common."""
