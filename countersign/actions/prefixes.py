"""What may stand before a command on its line: prompts, list markers and labels, in any markup.

A prompt that says where somebody was (user@host, a cluster's name) is refused: it says on what the command acted.
"""

import re
from typing import Final

from countersign.actions.characters import BLANKS, SPACES
from countersign.actions.prose import has_ideographs, refuse_doubt, without_symbols
from countersign.errors import ParseFailure

CLOSERS: Final = {"`": "`", "「": "」", "『": "』", "“": "”", "【": "】"}
"""Marks that open a command, and what closes it."""
FENCE_BEFORE: Final = re.compile(r"(?:```|~~~)(?:[A-Za-z]{0,16}[ \t]+)?$")
_LIST_MARKER: Final = re.compile(
    r"(?:[-*•‣▪◦·●○■□–]|[0-9]{1,2}[.)、．]|\([0-9]{1,2}\)|\[[ xX]\]|[\u2460-\u2473])[ \t" + SPACES + r"]*"
)
_MARKUP: Final = "_ \t"
_ARROWS: Final = "→⇒⟶➔➜➤▶►▸▹▷❯❱›»⟩⮕↳"
# zsh and fish show the working directory beside the arrow; ~ names no machine.
_PROMPT: Final = re.compile(rf"(?:~[\w./-]*\s*)?(?:[{_ARROWS}λ]+|[$#%])(?:\s*~[\w./-]*)?")
_LABEL: Final = re.compile(rf"([A-Za-z][A-Za-z0-9 _/-]{{0,60}}?)\s*(:|：|[{_ARROWS}]|[=-]>|[-–—](?=$))?")
_ENVIRONMENT: Final = re.compile(r"(?:env[ \t]+)?[A-Za-z_][A-Za-z0-9_]*=\S*")
_LABEL_WORDS_TEXT: Final = (
    "a action actions answer apply approved bash cli cmd command commands execute executing final fix following here "
    "immediate is kubectl kubernetes line mitigation next operation output please primary proposed recommendation "
    "recommended remediation repair required resolution response result run running sh shell solution step steps "
    "suggested suggestion the this to try use 0 1 2 3 4 5 6 7 8 9"
)
_LABEL_WORDS: Final = frozenset(_LABEL_WORDS_TEXT.split())


def check_prefix(prefix: str) -> None:
    """Raise ParseFailure unless what stands before the command is certainly decoration."""
    text = without_symbols(prefix).replace("*", "").strip()
    found = FENCE_BEFORE.search(prefix)
    if found:
        text = text[: text.rfind(found[0].strip()[:3])].strip()
    marked = bool(text) and text[-1] in CLOSERS
    text = text[:-1].strip() if marked else text
    text = text.strip(_MARKUP)
    marker = _LIST_MARKER.match(text + " ")
    if marker and text:
        text = text[marker.end() :].strip(_MARKUP)
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
