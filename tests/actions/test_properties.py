"""What holds for every text: only ParseFailure, one canonical form, nothing that a shell would act on."""

import json
import random
import shlex
import sys
import unicodedata

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from countersign.actions import canonical, describe, describe_text, explain, read_action
from countersign.actions.catalogue import entry_for
from countersign.actions.operation import Investigation, KubernetesOperation, Observation, Verb
from countersign.errors import ParseFailure
from tests.actions.operations import operations
from tests.actions.test_corpus import LINES

TEXTS = [line["text"] for line in LINES]
CHANGES = [line["text"] for line in LINES if line["expect"].get("operation")]
ONE_LINE = [text for text in CHANGES if "\n" not in text]
PIECES = st.sampled_from(
    [
        "kubectl",
        " ",
        "\n",
        "'",
        '"',
        "`",
        "```",
        "\\",
        "$",
        "$(",
        "#",
        ";",
        "&&",
        "|",
        "-n",
        "--",
        "=",
        "/",
        "重啟",
        "，",
        "ssh ",
        "ssh://",
        "{",
        "[",
        "*",
        "NO_ACTION",
        "(",
        "）",
        "\u200b",
        "\ud800",
        "\x00",
        "-p ",
        "&a",
        "!!",
    ]
)


def only_parse_failures(text: str) -> None:
    try:
        reading = read_action(text)
    except ParseFailure as failure:
        assert failure.message
        json.dumps([failure.message, failure.hint], ensure_ascii=False).encode("utf-8")
    else:
        assert explain(reading)
        json.dumps(describe(reading), ensure_ascii=False).encode("utf-8")


@given(st.text(st.characters(codec=None), max_size=200))
@example("`")
@example("ssh ")
@example("kubectl patch deploy a -p '- - - - -'")
def test_any_text_reads_or_fails_to_parse(text: str) -> None:
    only_parse_failures(text)


@given(st.lists(PIECES | st.text(max_size=5), max_size=25))
def test_any_mixture_of_fragments_reads_or_fails_to_parse(pieces: list[str]) -> None:
    only_parse_failures("".join(pieces))


@settings(max_examples=400)
@given(
    st.sampled_from(TEXTS),
    st.lists(st.tuples(st.integers(0, 400), PIECES), min_size=1, max_size=4),
    st.integers(0, 3),
)
def test_any_mutation_of_a_corpus_line_reads_or_fails_to_parse(
    text: str, insertions: list[tuple[int, str]], deleted: int
) -> None:
    for position, piece in insertions:
        at = position % (len(text) + 1)
        text = text[:at] + piece + text[at + deleted :]
    only_parse_failures(text)


@settings(max_examples=500)
@given(operations())
def test_the_canonical_command_reads_to_the_same_operation(operation: KubernetesOperation) -> None:
    command = canonical(operation)
    assume(len(command) < 8000 and "NOACTION" not in command.upper().replace("-", "").replace("_", ""))
    assert read_action(command) == operation
    assert canonical(operation) == canonical(read_action(command))  # type: ignore[arg-type]


def outside_quotes(text: str) -> list[int]:
    """Positions of `text` where a shell reads characters unquoted. Written apart from the production tokenizer."""
    positions = []
    state = "plain"
    for index, char in enumerate(text):
        match state, char:
            case "plain", "'":
                state = "single"
            case "plain", '"':
                state = "double"
            case (("plain" | "double"), "\\"):
                state += " escaped"
            case "plain", _:
                positions.append(index)
            case "single", "'":
                state = "plain"
            case "double", '"':
                state = "plain"
            case (("plain escaped" | "double escaped"), _):
                state = state.removesuffix(" escaped")
    return positions


METACHARACTERS = [
    ";",
    "&",
    "&&",
    "|",
    "||",
    ">",
    ">>",
    "<",
    "`",
    "`id`",
    "$(id)",
    "$(",
    "${X}",
    "$X",
    "\nreboot",
    "; rm -rf /",
]


@settings(max_examples=600)
@given(operations().map(canonical) | st.sampled_from(ONE_LINE), st.sampled_from(METACHARACTERS), st.randoms())
def test_a_metacharacter_outside_quotes_never_yields_an_operation(
    command: str, injected: str, rng: random.Random
) -> None:
    # Whole decorations (ticks, fences) have their own tests; here the text is the command.
    assume(command.startswith("kubectl ") and "#" not in command and "`" not in command and "“" not in command)
    places = [place for place in outside_quotes(command) if place > 0]
    assume(places)
    at = rng.choice(places)
    text = command[:at] + injected + command[at:]
    assert describe_text(text)["reading"] == "refused", text


# Neither a comment, in which a shell acts on nothing, nor a command between ticks, after which a sentence may follow.
BARE = [text for text in CHANGES if text.startswith("kubectl ") and "#" not in text]
EXPLAINED = "kubectl rollout restart deployment/api -n prod\n\nThis restarts the API pods one by one."


@pytest.mark.parametrize(
    "injected",
    [
        *(";", "; reboot", " &&", " && reboot", " |", "|sh", " >", " > f", " <", " &", " `id`", "`", " $(id)", "$("),
        *(" $X", "；reboot", "； sudo reboot", "；./x", "；/bin/x", " ｜ sh", "＆", "\nrm -rf /"),
    ],
)
def test_a_metacharacter_at_the_end_never_yields_an_operation(injected: str) -> None:
    assert EXPLAINED in BARE
    assert [text for text in BARE if describe_text(text + injected)["reading"] != "refused"] == []


def test_a_full_width_semicolon_at_the_end_of_a_command_never_yields_an_operation() -> None:
    # ASCII on one line is a command without an explanation.
    commands = [text for text in BARE if text.isascii() and "\n" not in text]
    assert [text for text in commands if describe_text(text + "；")["reading"] != "refused"] == []


@pytest.mark.parametrize(
    "explained",
    [
        EXPLAINED + "；",
        EXPLAINED + "；the service recovers.",
        "kubectl rollout restart deployment/api -n prod\n將副本數調整為 3；API 會恢復",
        "kubectl rollout restart deployment/api -n prod 重啟服務；",
    ],
)
def test_a_full_width_semicolon_in_an_explanation_is_punctuation(explained: str) -> None:
    assert read_action(explained) == read_action("kubectl rollout restart deployment/api -n prod")


@pytest.mark.parametrize("metacharacter", [";", "&", "|", ">", "<", "`", "$(", "｜"])
@pytest.mark.parametrize("opening", ["// ", "✅# ", "\u3000# "])
def test_a_line_that_a_shell_takes_for_no_comment_is_none(opening: str, metacharacter: str) -> None:
    command = f"kubectl rollout restart deployment/api -n prod\n{opening}replaces the pods {metacharacter}reboot"
    assert describe_text(command)["reading"] == "refused"


@given(st.text(st.sampled_from("abk/-= '\"\\;&|<>$(`)#*\n"), max_size=30))
def test_what_follows_kubectl_is_no_operation_with_a_live_metacharacter(tail: str) -> None:
    text = f"kubectl rollout restart deploy/api {tail}"
    assume("#" not in text)
    live = {text[place] for place in outside_quotes(text.strip())}
    if live & set(";&|<>`$\n"):
        assert describe_text(text)["reading"] == "refused"


@settings(max_examples=300)
@given(operations(), st.randoms())
def test_the_order_of_flags_does_not_matter(operation: KubernetesOperation, rng: random.Random) -> None:
    words = shlex.split(canonical(operation))
    head = 3 if words[1] in ("rollout", "set") else 2
    arguments: list[list[str]] = []
    flags: list[list[str]] = []
    rest = iter(words[head:])
    for word in rest:
        if word in ("-n", "-p", "--context"):
            flags.append([word, next(rest)])
        elif word.startswith("--"):
            flags.append([word])
        else:
            arguments.append([word])
    for flag in rng.sample(flags, len(flags)):
        arguments.insert(rng.randint(0, len(arguments)), flag)
    text = shlex.join([*words[:head], *(word for group in arguments for word in group)])
    assume(len(text) < 8000)
    assert read_action(text) == operation


@given(
    operations(),
    st.sampled_from(
        ["```bash\n{}\n```", "$ {}", "1. {}", "\n{}\n", "請執行：{}", "{}\n\nThis is the fix for it.", "{}  # done"]
    ),
)
def test_certain_decoration_does_not_change_the_operation(operation: KubernetesOperation, around: str) -> None:
    assert read_action(around.format(canonical(operation).replace("{", "{"))) == operation


@given(
    st.sampled_from(CHANGES), st.sampled_from(["NO_ACTION ", "noaction: ", "OBSERVE ", "Investigate: ", "(未設) "])
)
def test_a_marker_beside_a_change_is_a_contradiction(command: str, marker: str) -> None:
    with pytest.raises(ParseFailure, match="contradicts itself"):
        read_action(marker + command)


@pytest.mark.parametrize("marker", ["NO_ACTION", "no-action", "NoAction", "(未設)"])
@given(st.text(st.characters(categories=["L", "N", "Zs"]), max_size=20))
def test_a_marker_alone_changes_nothing(marker: str, text: str) -> None:
    # Hypothesis also draws literals of the code under test, whole commands among them.
    programs = ("kubectl", "ssh", "docker", "systemctl", "service", "helm", "nginx", "\u115f")
    assume(not any(word in unicodedata.normalize("NFKC", text).lower() for word in programs))
    try:
        assert isinstance(read_action(f"{text} {marker}"), Observation)
    except ParseFailure as failure:
        assert "invisible" in failure.message


@pytest.mark.parametrize(
    "text",
    [
        "kubectl " + "'a' " * 2000,
        "`" * 8000,
        "kubectl get " + "=" * 8000,
        "\n" * 8000,
        "重" * 8000,
        "ssh " + "-p1 " * 2000,
        "kubectl patch deploy a -p '" + "{a: " * 1900 + "'",
        "kubectl patch deploy a -p '" + "- " * 4000 + "'",
        "a\n" * 4000,
        "kubectl get x\n" + "a'\n" * 2000,
        "kubectl drain n --timeout=" + "1h" * 4000,
        "NO_ACTION " + "kubectl " * 1000,
        "NO_ACTION " + "docker " * 1100,
        "ssh h 'truncate -s 0 " + " " * 8000 + "'",
        "kubectl a" + "\\\n" * 4000,
    ],
    ids=lambda text: ascii(text)[:30],
)
def test_long_texts_are_read_in_bounded_steps(text: str) -> None:
    steps = 0

    def count(*_: object) -> object:
        nonlocal steps
        steps += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)  # type: ignore[arg-type]
    try:
        only_parse_failures(text)
    finally:
        sys.settrace(before)
    assert steps < 200 * 8192


def test_a_text_beyond_the_limit_is_refused() -> None:
    with pytest.raises(ParseFailure, match="more than 8192"):
        read_action("kubectl get pods " + "a" * 8192)


def test_every_investigation_of_the_corpus_is_an_argument_list_without_kubectl() -> None:
    for line in LINES:
        if line["expect"]["reading"] == "investigation":
            reading = read_action(line["text"])
            assert isinstance(reading, Investigation)
            assert reading.argv[0] != "kubectl" and all(isinstance(word, str) for word in reading.argv)


def test_every_verb_has_a_catalogue_entry_whose_example_reads_to_it() -> None:
    for verb in Verb:
        reading = read_action(entry_for(verb).example)
        assert isinstance(reading, KubernetesOperation) and reading.verb is verb
