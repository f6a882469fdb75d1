"""What may stand before a command on its line: prompts, list markers and labels, in any markup.

A prompt that says where somebody was (user@host, a cluster's name) is refused: it says on what the command acted.
"""

import re
import unicodedata
from typing import Final

from countersign.actions.characters import BLANKS, SPACES
from countersign.actions.prose import has_ideographs, refuse_doubt, without_symbols
from countersign.errors import ParseFailure

CLOSERS: Final = {"`": "`", "「": "」", "『": "』", "“": "”", "【": "】"}
"""Marks that open a command, and what closes it."""
FENCE_BEFORE: Final = re.compile(r"(?:```|~~~)(?:[A-Za-z]{0,16}[ \t]+)?$")
_LIST_MARKER: Final = re.compile(
    r"(?:(?:[-*•]|[0-9]{1,2}[.)])[ \t]+\[[ xX]\]|[-*•‣▪◦·●○■□–]|[0-9]{1,2}[.)、．]|\([0-9]{1,2}\)|\[[ xX]\]|"
    r"[\u2460-\u2473])[ \t" + SPACES + r"]*"
)
_MARKUP: Final = "_ \t"
_ARROWS: Final = "→⇒⟶➔➜➤▶►▸▹▷❯❱›»⟩⮕↳"
# zsh and fish show the working directory beside the arrow; ~ names no machine. Shells without a name show themselves.
_PROMPT: Final = re.compile(
    rf"(?:~[\w./-]*\s*|(?:ba|z|da|k|a|fi)?sh-[0-9][0-9.]*)?(?:[{_ARROWS}λ]+(?:\s*[$#%])?|[$#%]|[-=]{{1,2}}>)"
    r"(?:\s*~[\w./-]*)?"
)
_LABEL: Final = re.compile(rf"([A-Za-z][A-Za-z0-9 _/-]{{0,60}}?)\s*(:|：|[{_ARROWS}]|[=-]>|[-–—](?=$))?")
_ENVIRONMENT: Final = re.compile(r"(?:env[ \t]+)?[A-Za-z_][A-Za-z0-9_]*=\S*")
_LABEL_WORDS_TEXT: Final = (
    "a action actions answer apply approved bash cli cmd command commands execute executing final fix following here "
    "immediate is kubectl kubernetes line mitigation next operation output please primary proposed recommendation "
    "recommended remediation repair required resolution response result run running sh shell solution step steps "
    "suggested suggestion the this to try use 0 1 2 3 4 5 6 7 8 9"
)
_LABEL_WORDS: Final = frozenset(_LABEL_WORDS_TEXT.split())
_COPIED_TEXT: Final = "zsh console terminal code copy text plaintext txt powershell 複製 複製程式碼 复制 复制代码"
_COPIED: Final = frozenset(_COPIED_TEXT.split())
"""What a chat shows over a block of code, and copies with it."""


def check_prefix(prefix: str) -> None:
    """Raise ParseFailure unless what stands before the command is certainly decoration."""
    prefix = "".join("→" if _is_arrow(char) else char for char in prefix)
    text = without_symbols(prefix).replace("*", "").strip()
    found = FENCE_BEFORE.search(prefix)
    if found:
        text = text[: text.rfind(found[0].strip()[:3])].strip()
    marked = bool(text) and text[-1] in CLOSERS
    text = text[:-1].strip() if marked else text
    text = text.removesuffix("`") if marked else text
    text = text.strip(_MARKUP)
    if _PROMPT.fullmatch(text) and (marked or prefix[-1:] in BLANKS or text[-1:] in _ARROWS):
        return
    marker = _LIST_MARKER.match(text + " ")
    if marker and text:
        text = text[marker.end() :].strip(_MARKUP)
    text = text.lstrip(_ARROWS).strip(_MARKUP) if text.strip(_ARROWS) else text
    spaced = marked or prefix[-1:] in BLANKS or text[-1:] in _ARROWS
    if not text or (spaced and (_PROMPT.fullmatch(text) or _PROMPT.fullmatch(prefix.strip()))):
        return
    refuse_doubt(text, where="before the command")
    label = _LABEL.fullmatch(text)
    if label and (label[2] or marked) and set(re.split(r"[ _/-]+", label[1].lower())) - {""} <= _LABEL_WORDS:
        return
    if has_ideographs(text) and not set(text) & set(";&|<>`$\\'\"(){}"):
        ascii_words = any(char.isascii() and char.isalnum() for char in text)
        if not ascii_words or text[-1] in ":：":
            return
    raise _refused(text)


def is_label(line: str) -> bool:
    """Tell whether a line above the command only names it, as a chat's `bash` over its code, or a heading, does."""
    words = without_symbols(line).strip(f"{BLANKS}*_#:：.").lower()
    return (bool(words) and set(re.split(r"[ _/-]+", words)) <= _LABEL_WORDS | _COPIED) or words in _COPIED


def _is_arrow(char: str) -> bool:
    return not char.isascii() and "ARROW" in unicodedata.name(char, "")


def _refused(text: str) -> ParseFailure:
    if text.split(maxsplit=1)[0] in ("sudo", "doas", "su"):
        return ParseFailure(
            "sudo before the command is refused: credentials come from the blocks", hint="leave out sudo"
        )
    if _ENVIRONMENT.fullmatch(text):
        return ParseFailure("an environment variable before the command is refused", hint="leave it out")
    return ParseFailure(
        f"the command stands inside other text: {text[:60]!r} comes before it", hint="write the command alone"
    )
