"""Where a value ends: quotes at any depth of JSON in JSON, words as a shell reads them, brackets.

A quote at depth n of JSON inside JSON has 2ⁿ-1 backslashes before it, and its end has as many, whatever is escaped in
between. Each function reads on from `start` to the end that it returns, and what it returns is not read again.
"""

import re

_QUOTE = re.compile(r"(?<!\\)(?P<slashes>\\*+)(?P<kind>[\"'])")
_BRACKET = re.compile(r"(?<!\\)(?P<slashes>\\*+)(?P<kind>[\"'])|(?P<open>[{\[])|[}\]]")
# A shell's backslash makes a space part of the word.
_PLAIN = re.compile(r"(?:[^\s\"'\\]|\\[ \t]|\\(?![\"'\s])|\\+(?=[\s]|\Z))*+")
_OPENED = re.compile(r"(?<![^\s=(\[{,:：])(?P<slashes>\\{0,7})(?P<kind>[\"'])(?![,\]}:])[^\s\"']*+\Z")
_REACH = 200
"""How far back an opening quote is looked for."""
_AFTER_A_VALUE = frozenset(" \t\r\n,;:)]}")


def line_end(text: str, start: int) -> int:
    """Return where the line of `start` ends."""
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    return end - 1 if end > start and text[end - 1] == "\r" else end


def at_quote(text: str, start: int) -> bool:
    """Tell whether a quote, with its backslashes, begins at `start`."""
    return _QUOTE.match(text, start) is not None


def end_of_quoted(text: str, start: int) -> int | None:
    """Return the position after the quote that ends what the quote at `start` begins; None if nothing does.

    On another line only a quote with nothing of a word behind it counts: an apostrophe further down is no end.
    """
    opened = _QUOTE.match(text, start)
    if opened is None:
        return None
    closed = _closing(text, opened.end(), len(opened["slashes"]), opened["kind"])
    return None if closed is None else closed[1]


def _closing(text: str, start: int, slashes: int, kind: str) -> tuple[int, int] | None:
    """Return where the closing quote begins and ends."""
    for quote in _QUOTE.finditer(text, start):
        if quote["kind"] != kind:
            continue
        before = len(quote["slashes"])
        if before < slashes:
            return quote.start(), quote.start()  # the text around it has ended
        if before % (2 * (slashes + 1)) == slashes:
            same_line = text.find("\n", start, quote.start()) < 0
            ends = same_line or text[quote.end() : quote.end() + 1] in ("", *_AFTER_A_VALUE)
            return (quote.end() - slashes - 1, quote.end()) if ends else None
    return None


def end_of_enclosing(text: str, start: int) -> int | None:
    """Return where the quoted text ends that began in the same word before `start` ('NAME=value'); None without."""
    opened = _OPENED.search(text, max(0, start - _REACH), start)
    if opened is None:
        return None
    closed = _closing(text, start, len(opened["slashes"]), opened["kind"])
    if closed is None:
        return None
    begins, ends = closed
    # 'a'"'"'b' is one word of a shell.
    return end_of_word(text, ends) if at_quote(text, ends) else begins


def end_of_word(text: str, start: int) -> int:
    """Return where the word at `start` ends: at white space outside its quotes."""
    at, closed = start, True
    while at < len(text):
        plain = _PLAIN.match(text, at)
        assert plain is not None
        closed = closed and plain.end() == at
        at = plain.end()
        quote = _QUOTE.match(text, at) or _inner_quote(text, at)
        if quote is None:
            return at
        if not closed and text[quote.end() : quote.end() + 1] in ("", *_AFTER_A_VALUE):
            return at  # the end of a text around the word
        end = end_of_quoted(text, quote.start())
        if end is None:
            at, closed = quote.end(), False
            continue
        at, closed = end, True
        if text[at : at + 1] in ("", *_AFTER_A_VALUE):
            return at
    return at


def _inner_quote(text: str, at: int) -> re.Match[str] | None:
    return _QUOTE.search(text, at, at + 1)


def end_of_brackets(text: str, start: int) -> int:
    """Return where the bracket at `start` is closed, quoted brackets apart; the text's end if it is not."""
    depth, at = 0, start
    while token := _BRACKET.search(text, at):
        at = token.end()
        if token["kind"]:
            at = end_of_quoted(text, token.start()) or at
            continue
        depth += 1 if token["open"] else -1
        if depth == 0:
            return at
    return len(text)
