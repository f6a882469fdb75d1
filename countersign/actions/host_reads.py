"""Remote commands that only look: all of them mean the diagnosis, which runs its own fixed list and never the text.

So they are read leniently: with pipes into filters, with patterns, with the noise of programs sent away. What a read
could change by an option (`find -delete`, `dmesg -C`) is none.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from countersign.actions.words import split_words
from countersign.errors import ParseFailure

Words = Sequence[str]

_LOOKS_TEXT: Final = (
    "arch atop basename cat cksum column cut df diagnose dig dirname du echo egrep fgrep file findmnt free getent "
    "glances grep groups head htop id iostat iotop last lastb lastlog less ll locale ls lsb_release lsblk lscpu "
    "lsmem lsmod lsof lspci md5sum more mpstat netstat nl nproc nslookup pgrep pidof pidstat ping printenv printf "
    "ps pstree pwd readlink realpath sar sha256sum stat tac tail top tr tracepath traceroute tree uname uniq "
    "uptime vmstat w wc whereis which who whoami zcat zgrep"
)
LOOKS: Final = frozenset(_LOOKS_TEXT.split())
"""Programs that do nothing but look, whatever their options."""

_DOCKER: Final = re.compile(
    r"(?:ps|images|logs|stats|inspect|top|port|diff|info|version|events|history|(?:--)?version"
    r"|image (?:ls|list|inspect|history)|container (?:ls|list|ps|logs|inspect|top|stats|port|diff)"
    r"|volume (?:ls|list|inspect)|network (?:ls|list|inspect)|context (?:ls|show)|system (?:df|info|events))(?: |$)"
)
_COMPOSE: Final = re.compile(
    r"(?:(?:-p|-f|--project-name|--file)[ =]\S+ )*(?:ps|logs|top|images|config|ls|version)(?: |$)"
)
_PROGRAM_DIRECTORIES: Final = ("/usr/local/bin/", "/usr/local/sbin/", "/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/")
_SYSTEMCTL: Final = frozenset(
    {"status", "show", "cat", "is-active", "is-failed", "is-enabled", "is-system-running", "get-default", "help"}
)
_IP_CHANGES: Final = frozenset({"add", "del", "delete", "set", "flush", "change", "replace", "append", "up", "down"})
_FIND_CHANGES: Final = re.compile(r"-(?:delete|exec(?:dir)?|ok(?:dir)?|fprint[f0]?|fls)")
_STDERR: Final = re.compile(r"(?<![^ ])2>(?:&1|[ ]*/dev/null)(?![^ |])")


def _systemctl(rest: Words) -> bool:
    verbs = [word for word in rest if not word.startswith("-")]
    if not verbs:
        return any(word in ("--failed", "--state=failed", "--all", "-a", "--version") for word in rest) or not rest
    return verbs[0] in _SYSTEMCTL or verbs[0].startswith("list-")


def _docker(rest: Words) -> bool:
    if rest[:1] == ["compose"]:
        return bool(_COMPOSE.match(" ".join(rest[1:])))
    return bool(_DOCKER.match(" ".join(rest))) and "prune" not in rest


def _none_of(*refused: str) -> Callable[[Words], bool]:
    """Return a rule by which a program looks unless an option begins with one of these, or has its letter."""
    letters = {option[1] for option in refused if len(option) == 2 and option[0] == "-"}

    def rule(rest: Words) -> bool:
        short = [set(word[1:]) for word in rest if word.startswith("-") and not word.startswith("--")]
        return not any(word.startswith(refused) for word in rest) and not any(letters & each for each in short)

    return rule


def _only(pattern: str) -> Callable[[Words], bool]:
    """Return a rule by which a program looks if all that follows is of this form."""
    return lambda rest: re.fullmatch(pattern, " ".join(rest)) is not None


_RULES: Final[Mapping[str, Callable[[Words], bool]]] = {
    "awk": lambda rest: not re.search(r"system|getline|[|>]", " ".join(rest)),
    "arp": _only(r"(?:-[aenv]+ ?)*\S*"),
    "certbot": _only(r"certificates.*"),
    "chronyc": _only(r"(?:tracking|sources|sourcestats|activity)(?: -v)?"),
    "command": _only(r"-[vV] \S+"),
    "crontab": _only(r"(?:-u \S+ )?-l"),
    "date": _none_of("-s", "--set", *"0123456789"),
    "dmesg": _none_of("-c", "-C", "-D", "-E", "-n", "--clear", "--read-clear", "--console"),
    "docker": _docker,
    "docker-compose": lambda rest: bool(_COMPOSE.match(" ".join(rest))),
    "find": lambda rest: not any(_FIND_CHANGES.fullmatch(word) for word in rest),
    "hostname": _only(r"(?:-[fiIsda]+)?"),
    "hostnamectl": _only(r"(?:status)?"),
    "ifconfig": _only(r"(?:-a)?\S*"),
    "ip": lambda rest: not _IP_CHANGES & set(rest) and "-b" not in rest and "-batch" not in rest,
    "iptables": _only(r"(?=.*(?:-[nvx]*[LS]|--list))(?:-t \S+ )?(?:(?:-[nvxLS]+|--list|--line-numbers|[A-Z]+) ?)+"),
    # Long options may be shortened.
    "journalctl": _none_of(
        "--vacuum", "--rotate", "--flush", "--sync", "--relinquish", "--smart", "--setup", "--update"
    ),
    "mount": _only(r"(?:-l)?(?:-t \S+)?"),
    "nginx": _only(r"(?:-q )?-[tTvV]+"),
    "podman": _docker,
    "sed": lambda rest: "-n" in rest and not any(word.startswith(("-i", "--in-place")) for word in rest),
    "sensors": _none_of("-s", "--set"),
    "service": lambda rest: (list(rest) == ["--status-all"]) or (len(rest) == 2 and rest[1] == "status"),
    "sort": _none_of("-o", "--output"),
    "ss": _none_of("-K", "--kill"),
    "swapon": _only(r"-s|--show.*|--summary"),
    "systemctl": _systemctl,
    "timedatectl": _only(r"(?:status|show|show-timesync|timesync-status)?"),
    "ufw": _only(r"status.*"),
}

PROGRAMS: Final = LOOKS | _RULES.keys()


def is_read(command: str) -> bool:
    """Tell whether a remote command's text does nothing but look, through all of its pipes."""
    try:
        parts = [_words(part) for part in _pipes(_STDERR.sub("", command))]
    except ParseFailure:
        return False
    return all(words and looks(words) for words in parts)


def looks(words: Words) -> bool:
    """Tell whether one command of these words does nothing but look."""
    program, *rest = words
    rule = _RULES.get(program)
    return program in LOOKS if rule is None else rule(rest)


def _words(part: str) -> list[str]:
    words = [word.text for word in split_words(part.strip(" "))]
    while words[:1] == ["sudo"] or words[:1] == ["-n"]:
        words = words[1:]
    return program_of(words)


def program_of(words: list[str]) -> list[str]:
    """Return the words with the program's name alone, where it stands with a usual path."""
    for directory in _PROGRAM_DIRECTORIES:
        if words and words[0].startswith(directory):
            return [words[0][len(directory) :], *words[1:]]
    return words


def _pipes(text: str) -> list[str]:
    """Return what stands between the pipes outside quotes; || is none."""
    parts, start, quote, position = [], 0, "", 0
    while position < len(text):
        char = text[position]
        if char == "\\" and quote != "'":
            position += 2
            continue
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "|" and text[position + 1 : position + 2] not in ("|", "&"):
            parts.append(text[start:position])
            start = position + 1
        position += 1
    return [*parts, text[start:]]
