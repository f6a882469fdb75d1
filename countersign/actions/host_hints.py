"""What to write instead of a remote command that no host tool does: the same tool on the same object, or nothing.

A command is not answered with one that is merely spelled like it. What only looks is answered with the diagnosis.
"""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from countersign.actions.host_reads import PROGRAMS

DIAGNOSIS: Final = "uptime (ssh_diagnose collects load, disks, memory, processes, failed units and containers)"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._:-]*")
_COMPOSE: Final = "docker compose -p PROJECT restart SERVICE"
_CONTAINER_VERBS: Final = frozenset({"start", "stop", "kill", "rm", "unpause", "pause", "recreate", "update", "run"})
_CONTAINER_LOOKS: Final = ("ps", "logs", "inspect", "stats", "images")
_UNIT_VERBS: Final = frozenset(
    {"start", "stop", "reload", "kill", "try-restart", "reload-or-restart", "try-reload-or-restart", "condrestart"}
    | {"force-reload", "enable", "reset-failed", "isolate"}
)
_UNIT_LOOKS: Final = ("status", "show", "list-units", "is-active", "is-failed")
_KILLS: Final = frozenset({"kill", "pkill", "killall", "supervisorctl", "initctl"})
_CHANGING: Final = ("docker", "docker-compose", "podman", "systemctl", "service", "nginx", "certbot", "truncate")
_SPELLING: Final = 0.75


def instead_of(words: Sequence[str]) -> str | None:
    """Return what could be written instead of these words, None where nothing does the same to the same. Pure."""
    program, *rest = words
    match program:
        case "docker" | "podman":
            return _docker(rest)
        case "docker-compose":
            return _compose(rest)
        case "systemctl" | "service":
            return _unit(program, rest)
        case "nginx":
            return "nginx -s reload" if rest[:1] == ["-s"] or not rest else None
        case "certbot":
            return "certbot renew --cert-name NAME"
        case "truncate":
            return "truncate -s 0 $(docker inspect --format='{{.LogPath}}' NAME), which empties one container's log"
        case "rm" if any(word.endswith("-json.log") for word in rest):
            return "truncate -s 0 $(docker inspect --format='{{.LogPath}}' NAME), which empties one container's log"
        case _ if program in _KILLS:
            return "systemctl restart NAME.service, where a unit runs it"
        case _ if program in PROGRAMS:
            # What only looks has been read as that.
            return None
    near = get_close_matches(program[:40], [*_CHANGING, *PROGRAMS], n=1, cutoff=_SPELLING) if len(program) > 2 else []
    if not near:
        return None
    return DIAGNOSIS if near[0] not in _CHANGING else " ".join([near[0], *rest])[:120]


def _docker(rest: Sequence[str]) -> str | None:
    if rest[:1] == ["compose"]:
        return _compose(rest[1:])
    if "prune" in rest:
        kind = {"image": "image", "images": "image", "volume": "volume", "volumes": "volume"}.get(rest[0])
        return f"docker {kind} prune -f" if kind else "docker system prune -f, which removes everything unused"
    verb, *names = (rest[1:] if rest[:1] == ["container"] else rest) or [""]
    near = get_close_matches(verb[:40], ["restart", *_CONTAINER_VERBS, *_CONTAINER_LOOKS], n=1, cutoff=_SPELLING)
    if near:
        return DIAGNOSIS if near[0] in _CONTAINER_LOOKS else f"docker restart {_named(names, 'NAME')}"
    return None


def _compose(rest: Sequence[str]) -> str | None:
    changing = {"up", "down", "start", "stop", "kill", "rm", "restart", "create", "pull", "build", "unpause", "pause"}
    return _COMPOSE if changing & set(rest) or not rest else None


def _unit(program: str, rest: Sequence[str]) -> str | None:
    words = [word for word in rest if not word.startswith("-")]
    verb, names = (words[1:2], words[:1]) if program == "service" else (words[:1], words[1:])
    near = get_close_matches("".join(verb)[:40], [*_UNIT_VERBS, "restart", *_UNIT_LOOKS], n=1, cutoff=_SPELLING)
    if not near:
        return None
    if near[0] in _UNIT_LOOKS:
        return DIAGNOSIS
    name = _named(names, "NAME")
    return f"service {name} restart" if program == "service" else f"systemctl restart {name}"


def _named(words: Sequence[str], otherwise: str) -> str:
    """Return the one object that the words name, so that the hint is about the same one."""
    names = [word for word in words if not word.startswith("-")]
    return names[0] if len(names) == 1 and _NAME.fullmatch(names[0]) else otherwise
