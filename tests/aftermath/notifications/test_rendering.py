"""No input gets out of its place in a message, and no message gets longer than its service takes."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from countersign.aftermath.notifications.markup import Dialect, Limits, escaped, length, render
from countersign.aftermath.notifications.message import Message, middle_cut
from countersign.escaping import NO_WIDTH, plain

PIECES = (
    *("@everyone", "@here", "<!here>", "<!channel|x>", "!here>", "<@U12>", "@bob", "root@host", "<http://x|y>"),
    *("**", "_", "`", "```", "[a](b)", "\\", "|", "~~", "#", "> ", "- ", "1. "),
    *("<b>", "</b>", "&lt;", "&", '"', "'", "\n", "\r\n", "\x00", "\u202e", "重啟", "🔥", " ", "\ud800"),
)
NASTY = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
MESSAGES = st.builds(
    Message,
    title=NASTY.map(lambda value: f"Failed: {' '.join(value.split())}"),
    facts=st.lists(
        st.tuples(
            st.sampled_from(["Action", "風險", "Hint"]), NASTY.map(lambda value: " ".join(value.split()) or "x")
        ),
        max_size=8,
    ).map(tuple),
)
LIMITS = st.builds(Limits, title=st.sampled_from([0, 40, 150]), body=st.integers(60, 4096))
LIVE_MENTION = re.compile(
    r"@(everyone|here|channel|all)|<[@!#]|(?<![\w.+-])@\w|!(here|channel|everyone)\b", re.IGNORECASE
)


class Seen(HTMLParser):
    """What a reader of HTML sees, and the tags in it."""

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.text = ""
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not attrs

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.text += data


@settings(max_examples=60, deadline=None)
@given(MESSAGES, st.sampled_from(list(Dialect)), LIMITS)
@example(
    Message("@everyone", (("Action", "kubectl <!here> `x` **y** [a](http://b)"),)), Dialect.MRKDWN, Limits(0, 300)
)
def test_a_message_is_always_within_the_limits_of_its_service(
    message: Message, dialect: Dialect, limits: Limits
) -> None:
    rendered = render(message, dialect, limits)
    assert length(rendered.title) <= limits.title
    assert length(rendered.body) <= limits.body
    assert rendered.body or rendered.title


@settings(max_examples=60, deadline=None)
@given(MESSAGES, st.sampled_from(list(Dialect)))
def test_no_message_mentions_anybody(message: Message, dialect: Dialect) -> None:
    rendered = render(message, dialect, Limits(0, 4096))
    assert not LIVE_MENTION.search(rendered.body)


@settings(max_examples=60, deadline=None)
@given(MESSAGES, st.sampled_from([Dialect.HTML, Dialect.TELEGRAM]), LIMITS)
def test_html_holds_the_tags_that_we_wrote_and_no_others(message: Message, dialect: Dialect, limits: Limits) -> None:
    seen = Seen(render(message, dialect, limits).body)
    assert seen.tags.count("/b") == seen.tags.count("b")
    assert set(seen.tags) <= ({"b", "/b", "br"} if dialect is Dialect.HTML else {"b", "/b"})


@settings(deadline=None)
@given(NASTY)
def test_html_shows_every_value_as_it_is(value: str) -> None:
    assert Seen(f"<b>{escaped(value, Dialect.HTML)}</b>").text == plain(value)


@settings(deadline=None)
@given(NASTY.map(lambda value: " ".join(value.split()) or "x"))
def test_markdown_shows_every_value_as_it_is(value: str) -> None:
    tokens = (
        MarkdownIt("commonmark")
        .enable(["strikethrough", "table"])
        .parse(f"**Action:** {escaped(value, Dialect.MARKDOWN)}")
    )
    [inline] = [token for token in tokens if token.type == "inline"]
    assert {token.type for token in tokens} == {"paragraph_open", "inline", "paragraph_close"}
    children = inline.children or []
    assert {one.type for one in children} <= {"text", "text_special", "strong_open", "strong_close"}
    shown = "".join(one.content for one in children)
    assert shown == f"Action: {plain(value)}".rstrip(" ")


@settings(deadline=None)
@given(NASTY)
def test_slack_finds_neither_links_nor_marks_in_a_value(value: str) -> None:
    shown = escaped(value, Dialect.MRKDWN)
    assert "<" not in shown and ">" not in shown
    assert not re.search(rf"(?<!{NO_WIDTH})[*_~`]|[*_~`](?!{NO_WIDTH})", shown)


@settings(deadline=None)
@given(st.text(max_size=50), st.integers(1, 60))
def test_a_cut_value_keeps_its_beginning_and_its_end(value: str, most: int) -> None:
    cut = middle_cut(value, most)
    assert len(cut) <= max(most, 0)
    if len(value) <= most:
        assert cut == value
    elif most >= 4:
        assert cut[0] == value[0] and cut[-1] == value[-1] and "…" in cut


def test_a_long_message_keeps_what_matters_most_and_loses_the_middles_first() -> None:
    message = Message(
        "Failed: api", (("Outcome", "Failed"), ("Error", "begin " + "x" * 5000 + " end"), ("Risk", "high"))
    )
    body = render(message, Dialect.PLAIN, Limits(150, 300)).body
    assert "Outcome: Failed" in body and "Risk: high" in body
    assert "Error: begin x" in body and body.count("…") == 1 and " end\n" in body
    assert length(body) >= 290


@pytest.mark.parametrize(
    ("value", "kept"),
    [("ssh root@web-1", True), ("mail ops@example.com", True), ("@everyone", False), ("a@everyone", False)],
)
def test_an_address_of_a_user_on_a_host_can_be_copied(value: str, kept: bool) -> None:
    assert (escaped(value, Dialect.PLAIN) == value) is kept
