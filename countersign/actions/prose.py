"""Text around a command: what is certainly an explanation, and what makes it doubtful.

An explanation is dropped only when it can be nothing else. It must not hold a second command, flags, names that
could be further objects, a condition or a "do not": then the whole action is refused instead of guessed at.
"""

import re
import unicodedata
from typing import Final

from countersign.actions.catalogue import CATALOGUE
from countersign.actions.notes import describes_only
from countersign.errors import ParseFailure

SECOND: Final = re.compile(r"(?<![A-Za-z0-9_])(?:kubectl|ssh(?=[ \t]|://))(?![A-Za-z0-9_])", re.IGNORECASE)
_ACTIVE: Final = frozenset(";&|<>$\\\n＆｜＜＞＄｀")
_DOUBT_ENGLISH: Final = re.compile(
    r"(?<![a-z])(?:do not|don't|don\u2019t|dont|never|not yet|avoid|unless|if|only when|instead of|rather than|"
    r"dangerous|must not|should not|shouldn't|cannot|wait for|cancel|except|wrong|alternatively)(?![a-z])"
)
_DOUBT_CHINESE_TEXT: Final = (
    "不要 勿 別執 别执 別再 别再 不可 不能 不應 不应 不得 不建議 不建议 禁止 避免 除非 如果 若 假如 倘若 "
    "無需 无需 無須 不需 不必 毋須 暫不 暂不 先不 不執行 不执行 取消 暫緩 暂缓 或者 待確認 待确认 "
    "錯誤示範 不是 而非 別用 别用"
)
_DOUBT_CHINESE: Final = tuple(_DOUBT_CHINESE_TEXT.split())
_CONJUNCTIONS: Final = tuple("和與与跟及或並并、再")
_LATER: Final = ("以及", "還有", "还有", "然後", "然后", "接著", "接着")
_ASCII_WORD: Final = re.compile(r"[!-~]+")
_FLAG: Final = re.compile(r"(?:^|[\s(（])-{1,2}[A-Za-z]|[\s(（][—–―−‐‑‒˗⁃⁻─ー➖]{1,2}[A-Za-z]")
_DASHED: Final = re.compile(r"[—–―−‐‑‒˗⁃⁻─ー➖-]+\s*([A-Za-z][A-Za-z-]*)(?:=\S*|\s+\S+)?\s*")
# Characters that are letters or pictures to Unicode, and look like a dash right before a flag's name.
_LIKE_A_DASH: Final = re.compile(r"[─ー➖゠]+([A-Za-z][A-Za-z-]*)(?:=\S*)?")
_FLAG_NAMES: Final = frozenset(
    name for entry in CATALOGUE for flag in entry.all_flags for name in (flag.name, flag.short) if name
)
_FIRST_WORD: Final = re.compile(r"[a-z0-9_./-]+")
_LOWER_WORD: Final = re.compile(r"[a-z][a-z0-9_./-]*")
_EXPLAINS: Final = frozenset({"to", "for", "because", "which", "since", "as"})
_NEXT_COMMAND: Final = re.compile(r"；\s*[A-Za-z./]")
_CLAUSE: Final = re.compile(r"；\s*([A-Za-z0-9_./-]+)")
_SIMPLE: Final = re.compile(r"[A-Za-z]+|[0-9]+%?")
_BULLET: Final = re.compile(r"(?:[-*•>]|[0-9]{1,2}[.)、])[ \t]+")
_RULE: Final = re.compile(r"[-=*_]{3,}")
# First words that make a line a command rather than a sentence.
_PROGRAMS_TEXT: Final = (
    "rm mv cp sudo su sh bash zsh cat echo curl wget python python3 perl ruby node helm docker podman "
    "systemctl service reboot shutdown halt kill killall pkill chmod chown dd mkfs tee nc ncat eval exec "
    "source export set unset alias cd env nohup crontab apt yum dnf pip npm git scp rsync sftp telnet "
    "terraform ansible aws gcloud az istioctl oc k k9s kubeadm etcdctl crictl nginx certbot truncate test "
    "true false sleep watch xargs find sed awk grep touch ln mount umount iptables"
)
_PROGRAMS: Final = frozenset(_PROGRAMS_TEXT.split())


def has_ideographs(text: str) -> bool:
    """Tell whether `text` has Chinese, Japanese or Korean letters."""
    return any(is_ideograph(char) for char in text)


def is_ideograph(char: str) -> bool:
    """Tell whether `char` is a Chinese, Japanese or Korean letter (not full-width ASCII)."""
    return (
        "\u4e00" <= char <= "\u9fff"
        or "\u3400" <= char <= "\u4dbf"
        or "\u3040" <= char <= "\u30ff"
        or "\uac00" <= char <= "\ud7a3"
        or "\U00020000" <= char <= "\U0003ffff"
    )


def without_symbols(text: str) -> str:
    """Return `text` without pictures (emoji, arrows)."""
    return "".join(char for char in text if unicodedata.category(char) not in ("So", "Sk", "Mn") or char.isascii())


def refuse_doubt(text: str, *, where: str) -> None:
    """Raise ParseFailure if `text` mentions another command or says not to do it, or when."""
    if SECOND.search(text):
        raise ParseFailure(f"there is a second command {where}", hint="file each command as its own approval")
    lowered = text.lower()
    found = _DOUBT_ENGLISH.search(lowered)
    doubt = found[0] if found else next((word for word in _DOUBT_CHINESE if word in text), None)
    if doubt is not None:
        raise ParseFailure(
            f"the text {where} has {doubt!r}, so it is not certain that the command is to be run",
            hint="write the command alone",
        )


def check_line(line: str, *, command: str) -> None:
    """Raise ParseFailure unless `line`, above or below the command, is certainly an explanation."""
    text = without_symbols(line).strip()
    refuse_doubt(text, where="beside the command")
    # Only what a shell takes for a comment may hold anything: it does not know //, nor # after a symbol.
    comment = line.lstrip(" \t").startswith("#") or (text.startswith("//") and not (_ACTIVE | {"`"}) & set(line))
    if not text or comment or _RULE.fullmatch(text):
        return
    found = _BULLET.match(text)
    text = (text[found.end() :] if found else text).strip("*_ \t")
    if describes_only(text, command=command) and _inert(text, command) is not None:
        return
    if not is_sentence(text, command=command):
        raise ParseFailure(
            f"the line {line.strip()[:60]!r} is neither part of the command nor certainly an explanation",
            hint="write the command alone, on one line",
        )


def is_sentence(text: str, *, command: str) -> bool:
    """Tell whether `text` can be nothing but an explanation in words."""
    outside = _inert(text, command)
    if outside is None:
        return False
    if has_ideographs(outside):
        # A word that only looks like a program's may be the rest of a command that was broken in two.
        word = _LOWER_WORD.match(outside)
        return word is None or word[0] in command
    words = outside.split()
    if not words:
        return False
    if outside[0].isupper():
        return len(words) >= 3 or outside.endswith(":")
    return outside[0].isalpha() and len(words) >= 3 and outside.endswith((".", "!", ":"))


def _inert(text: str, command: str) -> str | None:
    """Return `text` without `code` that repeats the command; None where a shell could do something with it."""
    outside = _outside_ticks(text, command)
    if outside is None or _ACTIVE & set(outside) or _FLAG.search(outside):
        return None
    first = _FIRST_WORD.match(outside.lower())
    if first and first[0].strip(".-") in _PROGRAMS:
        return None
    return None if any(_is_program(clause[1]) for clause in _CLAUSE.finditer(outside)) else outside


def _is_program(word: str) -> bool:
    """Tell whether `word`, which opens a clause, names a program or a path to one."""
    return word.startswith(("/", "./", "../")) or word.lower().strip(".-") in _PROGRAMS


def _outside_ticks(text: str, command: str) -> str | None:
    """Return `text` without `code` that only repeats words of the command; None if other code stands in it."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return None
    for code in parts[1::2]:
        if code not in command:
            return None
    return "".join(parts[::2]) if len(parts) > 1 else text


def check_tail(tail: str, *, command: str) -> None:
    """Raise ParseFailure unless `tail`, after the command on its line, is certainly an explanation."""
    refuse_doubt(tail, where="after the command")
    dashed = _DASHED.fullmatch(tail.strip()) or _LIKE_A_DASH.match(tail.strip())
    if dashed and dashed[1] in _FLAG_NAMES:
        raise ParseFailure(
            f"{dashed[0][:60]!r} has the dash {dashed[0][0]} where the hyphens of a flag are meant",
            hint=f"type {'-' if len(dashed[1]) == 1 else '--'}{tail.strip()[dashed.start(1) :][:60]}",
        )
    text = without_symbols(tail).strip()
    stripped = text.lstrip("，。、；：！？,.:!?—–―-…（）()「」『』【】[] \t*")
    if not stripped:
        return
    if _ACTIVE & set(text) or _FLAG.search(text) or _NEXT_COMMAND.search(text) or "`" in text:
        raise _doubtful(tail)
    if not has_ideographs(stripped):
        words = stripped.split()
        separated = not text[0].isalnum() or words[0].lower() in _EXPLAINS
        if not separated or len(words) < 2 or words[0].lower() in _PROGRAMS:
            raise _doubtful(tail)
        return
    separated = not is_ideograph(text[0])
    if text.startswith("、") or stripped.startswith((*_CONJUNCTIONS, *_LATER)):
        raise _doubtful(tail)
    for word in _ASCII_WORD.findall(stripped):
        bare = word.strip(".,:()[]!?%\"'")
        known = bare in command
        if bare and not known and not (separated and _SIMPLE.fullmatch(bare)):
            raise _doubtful(tail)


def _doubtful(tail: str) -> ParseFailure:
    return ParseFailure(
        f"it is not certain that {tail.strip()[:60]!r} after the command is only an explanation",
        hint="write the command alone, or put the explanation after #",
    )
