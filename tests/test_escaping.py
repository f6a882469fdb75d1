"""What is shown shows as it is, and does nothing where it is shown."""

import json

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from countersign import escaping

PIECES = (
    *("![](https://x.example/p.png)", "[a](javascript:alert(1))", "<img src=x onerror=y>", "<!--", "[r]: data:x"),
    *("`", "``", "|", "\\|", "\\", "**", "_", "__", "a_b", "~~", "$", "&lt;", "# ", "- ", "1. ", "> ", "    ", "---"),
    *("\n", "\r\n", "\x1b[2J", "\x9b2J", "\x1b]8;;javascript:x\x07", "\u202e", "\u200b", "\ufe01", "\U000e0041"),
    *("\\u{1b}", "\u00a0", "重啟", "🔥", "\ud800", "\x00", "\x7f"),
)
HOSTILE = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=10).map("".join))
MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})
WORDS = {"text", "text_special", "code_inline"}


@given(HOSTILE)
def test_a_terminal_is_told_nothing_and_no_two_texts_look_the_same(text: str) -> None:
    shown = escaping.terminal(text)
    assert not any(escaping.is_hidden(char) for char in shown)
    assert shown.isprintable() or "\u3000" in shown
    back = []
    rest = shown
    while rest:
        if rest.startswith("\\u{"):
            code, _, rest = rest[3:].partition("}")
            back.append(chr(int(code, 16)))
        else:
            back.append(rest[0])
            rest = rest[1:]
    assert "".join(back) == text


@given(HOSTILE)
def test_what_is_visible_stays_as_it_is(text: str) -> None:
    once = escaping.visible(text, lines=True)
    assert escaping.visible(once, lines=True) == once
    assert once.count("\n") == text.count("\n")


def test_letters_of_any_language_are_shown_as_they_are() -> None:
    for text in ("重啟 api 服務", "Neustart für größere Fälle", "перезапуск", "再起動　する", "a - b (c)"):
        assert escaping.terminal(text) == text


@given(st.dictionaries(HOSTILE, HOSTILE, max_size=3))
def test_json_is_read_as_it_was_and_shows_nothing_hidden(value: dict[str, str]) -> None:
    written = escaping.json_text(value, indent=1)
    assert json.loads(written) == value
    assert not any(escaping.is_hidden(char) for char in written if char != "\n")


@given(HOSTILE)
def test_markdown_shows_a_text_and_makes_nothing_of_it(text: str) -> None:
    for line in (escaping.markdown(text), escaping.code_span(text)):
        for document in (line, f"# {line}", f"- {line}", f"**x:** {line}"):
            tokens = MARKDOWN.parse(document)
            kinds = {child.type for token in tokens for child in token.children or ()}
            assert kinds <= WORDS | {"strong_open", "strong_close"}, document
            assert not line or sum(token.type == "inline" for token in tokens) == 1
    tokens = MARKDOWN.parse(escaping.markdown(text))
    shown = "".join(child.content for token in tokens for child in token.children or ())
    assert shown == escaping.visible(" ".join(text.split()))


@given(HOSTILE, HOSTILE)
def test_a_cell_of_a_table_holds_its_text(first: str, second: str) -> None:
    row = f"| {escaping.markdown(first)} | {escaping.code_span(second)} |"
    tokens = MARKDOWN.parse(f"| a | b |\n| --- | --- |\n{row}\n")
    cells = [token for token in tokens if token.type == "inline"][2:]
    assert len(cells) == 2
    shown = ["".join(child.content for child in cell.children or ()) for cell in cells]
    assert shown == [escaping.visible(" ".join(text.split())) for text in (first, second)]


@given(HOSTILE)
def test_nothing_ends_a_block_of_code(text: str) -> None:
    tokens = MARKDOWN.parse(escaping.code_block(text) + "\n\nafter")
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]


def test_escaping_takes_time_in_proportion_to_the_text() -> None:
    # With a step for each pair of characters, this would not end before the suite's time limit.
    for piece in ("`", "\\", "|", "_", "\x1b", "[", "<", "@", "\u202e"):
        text = piece * 400_000
        for function in (escaping.terminal, escaping.markdown, escaping.code_span, escaping.slack, escaping.html):
            assert function(text)
