"""Host tools: which remote commands mean which tool, and with which parameters.

The text is only routed here. The tool runs its own fixed argument list, never the text.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from countersign.actions.host_hints import instead_of
from countersign.actions.host_reads import is_read, looks, program_of
from countersign.actions.words import Word, split_words
from countersign.errors import ParseFailure

Parameters = tuple[tuple[str, str], ...]
"""(name, value), sorted by name."""
Route = Callable[[Sequence[str]], Parameters | None]
"""From the remote command's words to parameters; None when the command is not the tool's."""

_CONTAINER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
# systemd.unit(5): what a name may not have is written as \\x and two hexadecimal digits.
_UNIT: Final = re.compile(r"(?=.{1,250}$)[A-Za-z0-9](?:[A-Za-z0-9@._:-]|\\x[0-9a-f]{2})*")
_CERTIFICATE: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_LOG_PATH: Final = re.compile(r"/var/lib/docker/containers/([0-9a-f]{64})/([0-9a-f]{64})-json\.log")
_SUDO_ANYWHERE: Final = r"(?:sudo[ ]+(?:-n[ ]+)?)?"
_LOG_OF: Final = re.compile(
    r"""truncate[ ]+(?:-s[ ]?0|--size=0|--size[ ]0)[ ]+(["']?)\$\("""
    + _SUDO_ANYWHERE
    + r"""docker[ ]+(?:container[ ]+)?inspect[ ]+(?:--format|-f)[= ]?(["']?)\{\{[ ]?\.LogPath[ ]?\}\}\2"""
    r"""[ ]+([A-Za-z0-9][A-Za-z0-9_.-]{0,127})\)\1"""
)
_TEST_AND_RELOAD: Final = re.compile(
    r"nginx[ ]+-t[ ]*&&[ ]*"
    + _SUDO_ANYWHERE
    + r"(?:nginx[ ]+-s[ ]+reload|systemctl[ ]+reload[ ]+nginx(?:\.service)?)"
)
_SUDO: Final = re.compile(r"sudo[ ]+(?:-n[ ]+)?")
# systemd.unit(5): a name without one of these endings gets .service.
_UNIT_TYPES: Final = frozenset(
    {"service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"}
)
_RESTARTABLE: Final = frozenset({"service", "socket", "timer", "path"})


@dataclass(frozen=True)
class HostTool:
    """One tool of the host gateway as a text can ask for it."""

    name: str
    scope: str
    """read, write or admin."""
    route: Route
    examples: tuple[str, ...]
    """Remote commands; the first is the one that hints show."""
    parameters: tuple[str, ...]
    description: str


def _diagnose(words: Sequence[str]) -> Parameters | None:
    return () if looks(words) else None


def _docker_restart(words: Sequence[str]) -> Parameters | None:
    match words:
        case ["docker", "restart", *rest] | ["docker", "container", "restart", *rest]:
            return (("container", _one(rest, _CONTAINER, "docker restart", "container")),)
    return None


def _compose_restart(words: Sequence[str]) -> Parameters | None:
    match words:
        case ["docker", "compose", *rest] | ["docker-compose", *rest]:
            pass
        case _:
            return None
    project, rest = _project(list(rest))
    if rest[:1] != ["restart"]:
        return None
    if project is None:
        raise ParseFailure(
            "docker compose restart lacks -p PROJECT, so which project is meant depends on a folder",
            hint="docker compose -p PROJECT restart SERVICE",
        )
    if not _CONTAINER.fullmatch(project):
        raise ParseFailure(f"{project[:60]!r} is not the name of a compose project")
    return (("project", project), ("service", _one(rest[1:], _CONTAINER, "docker compose restart", "service")))


def _project(words: list[str]) -> tuple[str | None, list[str]]:
    match words:
        case ["-p" | "--project-name", project, *rest]:
            return project, rest
        case [word, *rest] if word.startswith("--project-name="):
            return word.partition("=")[2], rest
        case [word, *rest] if word.startswith("-p") and len(word) > 2:
            return word[2:].removeprefix("="), rest
        case [word, *_] if word.startswith("-"):
            raise ParseFailure(
                f"docker compose {word[:40]} is not supported", hint="docker compose -p PROJECT restart SERVICE"
            )
    return None, words


def _systemctl_restart(words: Sequence[str]) -> Parameters | None:
    match words:
        case ["systemctl", "restart", *rest]:
            pass
        case ["service", name, "restart"]:
            rest = [name]
        case _:
            return None
    unit = _one(rest, _UNIT, "systemctl restart", "unit")
    ending = unit.rpartition(".")[2]
    if ending not in _UNIT_TYPES or "." not in unit:
        unit, ending = f"{unit}.service", "service"
    if ending not in _RESTARTABLE:
        raise ParseFailure(
            f"units of type {ending} are not restarted here", hint="systemctl restart NAME.service, .socket or .timer"
        )
    return (("unit", unit),)


def _clear_logs(words: Sequence[str]) -> Parameters | None:
    match words:
        case (
            ["truncate", "-s", "0", path] | ["truncate", "-s0" | "--size=0", path] | ["truncate", "--size", "0", path]
        ):
            found = _LOG_PATH.fullmatch(path)
            if found is not None and found[1] == found[2]:
                return (("container", found[1]),)
            raise ParseFailure(
                "only a container's own log is truncated",
                hint=f"{_CLEAR_EXAMPLE}, or its path under /var/lib/docker/containers",
            )
    return None


def _renew(words: Sequence[str]) -> Parameters | None:
    match words:
        case ["certbot", "renew", *rest]:
            pass
        case _:
            return None
    quiet = {"--non-interactive", "-n", "--quiet", "-q"}
    rest = [word for word in rest if word not in quiet]
    match rest:
        case ["--cert-name", name]:
            pass
        case [word] if word.startswith("--cert-name="):
            name = word.partition("=")[2]
        case _:
            raise ParseFailure(
                "certbot renew is supported for one certificate by name", hint="certbot renew --cert-name example.com"
            )
    return (("cert_name", _one([name], _CERTIFICATE, "certbot renew --cert-name", "certificate")),)


def _reload(words: Sequence[str]) -> Parameters | None:
    match words:
        case (
            ["nginx", "-s", "reload"]
            | ["systemctl", "reload", "nginx" | "nginx.service"]
            | ["service", "nginx", "reload"]
        ):
            return ()
    return None


def _prune(words: Sequence[str]) -> Parameters | None:
    match words:
        case ["docker", ("image" | "volume" | "system") as what, "prune", *options]:
            pass
        case _:
            return None
    letters: set[str] = set()
    for option in options:
        match option:
            case "--force":
                letters.add("f")
            case "--all":
                letters.add("a")
            case "-f" | "-a" | "-af" | "-fa":
                letters |= set(option[1:])
            case _:
                raise ParseFailure(
                    f"docker {what} prune {option[:40]} is not supported", hint=f"docker {what} prune -f, or with -a"
                )
    if "f" not in letters:
        raise ParseFailure(f"docker {what} prune without -f would wait for an answer", hint=f"docker {what} prune -f")
    named = {"image": "images", "volume": "volumes", "system": "system"}[what]
    return (("all", "true" if "a" in letters else "false"), ("what", named))


_CLEAR_EXAMPLE: Final = "truncate -s 0 $(docker inspect --format='{{.LogPath}}' web)"

HOST_TOOLS: Final[tuple[HostTool, ...]] = (
    HostTool(
        "ssh_diagnose",
        "read",
        _diagnose,
        ("uptime", "df -h", "free -h", "top -b -n 1", "systemctl --failed", "docker ps", "diagnose"),
        (),
        "Collects uptime, load, disks, memory, processes, failed units, containers; the command itself is not run.",
    ),
    HostTool(
        "ssh_docker_restart",
        "write",
        _docker_restart,
        ("docker restart web", "docker container restart web"),
        ("container",),
        "Restarts one container.",
    ),
    HostTool(
        "ssh_docker_compose_restart",
        "write",
        _compose_restart,
        ("docker compose -p shop restart cart", "docker-compose -p shop restart cart"),
        ("project", "service"),
        "Restarts one compose service of a named project.",
    ),
    HostTool(
        "ssh_systemctl_restart",
        "write",
        _systemctl_restart,
        ("systemctl restart nginx.service", "service nginx restart"),
        ("unit",),
        "Restarts one unit.",
    ),
    HostTool(
        "ssh_clear_docker_logs",
        "write",
        _clear_logs,
        (_CLEAR_EXAMPLE, "truncate -s 0 /var/lib/docker/containers/ID/ID-json.log"),
        ("container",),
        "Empties one container's log.",
    ),
    HostTool(
        "ssh_renew_ssl",
        "write",
        _renew,
        ("certbot renew --cert-name example.com",),
        ("cert_name",),
        "Renews a certificate by name.",
    ),
    HostTool(
        "ssh_reload_nginx",
        "write",
        _reload,
        ("nginx -s reload", "systemctl reload nginx", "nginx -t && nginx -s reload"),
        (),
        "Tests nginx's configuration, then reloads it.",
    ),
    HostTool(
        "ssh_docker_prune",
        "admin",
        _prune,
        ("docker image prune -f", "docker volume prune -f", "docker system prune -f -a"),
        ("all", "what"),
        "Removes unused images, volumes or everything unused.",
    ),
)


def route(command: str) -> tuple[HostTool, Parameters]:
    """Return the tool that a remote command's text means, with its parameters.

    What only looks is the diagnosis. Two idioms that need a shell are known by their exact form, since the tool does
    the same without one. Raises ParseFailure for everything else, with what does the same to the same object, if
    anything does.
    """
    text = _without_sudo(command.strip(" "))
    found = _LOG_OF.fullmatch(text)
    if found is not None:
        return _tool("ssh_clear_docker_logs"), (("container", found[3]),)
    if _TEST_AND_RELOAD.fullmatch(text):
        return _tool("ssh_reload_nginx"), ()
    if is_read(text):
        return _tool("ssh_diagnose"), ()
    words = split_words(text)
    if not words:
        raise ParseFailure("the remote command is empty: a terminal is not opened", hint=_all_hints())
    texts = program_of([_literal(word) for word in words])
    for tool in HOST_TOOLS:
        parameters = tool.route(texts)
        if parameters is not None:
            return tool, parameters
    instead = instead_of(texts)
    hint = f"did you mean: {instead}?" if instead else _all_hints()
    raise ParseFailure(f"no host tool does {' '.join(texts)[:80]!r}", hint=hint)


def _without_sudo(text: str) -> str:
    found = _SUDO.match(text)
    return text[found.end() :] if found else text


def _literal(word: Word) -> str:
    if word.glob or not word.text.isprintable() or not word.text.isascii():
        raise ParseFailure(
            f"{word.text[:60]!r} in the remote command would be expanded by a shell, or is not plain text",
            hint="name the one thing that is meant",
        )
    if "\\" in word.text and not word.quoted:
        raise ParseFailure(
            f"{word.text[:60]!r} in the remote command has a backslash outside quotes",
            hint="put the name in quotes there: ssh HOST 'systemctl restart \"NAME\"'",
        )
    return word.text


def _one(words: Sequence[str], pattern: re.Pattern[str], command: str, what: str) -> str:
    if len(words) != 1:
        raise ParseFailure(
            f"{command} takes exactly one {what} here, and no options",
            hint=f"{command} NAME, one action for each {what}",
        )
    if not pattern.fullmatch(words[0]):
        raise ParseFailure(f"{words[0][:60]!r} is not the name of a {what}")
    return words[0]


def _tool(name: str) -> HostTool:
    return next(tool for tool in HOST_TOOLS if tool.name == name)


def _all_hints() -> str:
    looks_like, *others = [tool.examples[0] for tool in HOST_TOOLS]
    return f"possible: to look, {looks_like}; to change something, {'; '.join(others)}"
