"""What chats, editors and documents put around and into a command, stated as kinds: dropped, folded, or named."""

import unicodedata

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from countersign.actions import canonical, describe_text, read_action
from countersign.actions.characters import SPACES
from countersign.actions.operation import KubernetesOperation
from tests.actions.operations import operations
from tests.actions.test_properties import ONE_LINE, outside_quotes

SHELLS = st.sampled_from(["bash", "Bash", "sh", "shell", "zsh", "console", "code", "Copy code", "複製程式碼", "text"])
LABELS = st.sampled_from(
    ["Action", "Recommended action", "Command", "Fix", "Next step", "Proposed remediation", "Immediate mitigation"]
)
ARROWS = st.sampled_from("→⇒➜➔⟶⟹⇨↦❯›»▶") | st.sampled_from(["->", "=>", "-->"])
PROMPTS = st.sampled_from(["$", "#", "%", "❯", "~ $", "~/src ❯", "bash-5.1$", "sh-4.2#", "❯ $", "➜  ~"])
BOXES = st.sampled_from(["- [ ]", "- [x]", "* [ ]", "1. [ ]", "☐", "☑", "✅", "[ ]", "[x]", "-", "•", "2."])
NOTES = st.sampled_from(
    [
        "Risk: low",
        "**Risk**: low",
        "- Risk: high",
        "(Risk: low)",
        "Confidence: 0.9",
        "Impact: none",
        "風險：低",
        "---",
    ]
)
BEFORE = st.one_of(
    SHELLS.map(lambda word: f"{word}\n"),
    LABELS.map(lambda label: f"**{label}**: "),
    LABELS.map(lambda label: f"**{label}:** "),
    LABELS.map(lambda label: f"__{label}__: "),
    LABELS.map(lambda label: f"### {label}\n\n"),
    LABELS.map(lambda label: f"{label}:\n"),
    ARROWS.map(lambda arrow: f"{arrow} "),
    PROMPTS.map(lambda prompt: f"{prompt} "),
    BOXES.map(lambda box: f"{box} "),
    st.tuples(BOXES, LABELS).map(lambda both: f"{both[0]} **{both[1]}**: "),
    st.tuples(SHELLS, PROMPTS).map(lambda both: f"{both[0]}\n{both[1]} "),
)
AROUND = st.sampled_from(
    [("", ""), ("`", "`"), ("```bash\n", "\n```"), ("````\n", "\n````"), ('```sh title="x"\n', "\n```")]
)
# The full-width one is folded.
DASHES = st.sampled_from(
    [char for char in map(chr, range(0x10000)) if unicodedata.category(char) == "Pd" and char not in "-\uff0d"]
    + list("−˗⁃⁻₋➖─ー")
)
SIMPLE = operations().map(canonical).filter(lambda command: command.isascii() and not set(command) & set("`#\n*_"))


def same(text: str, command: str) -> None:
    assert describe_text(text) == describe_text(command), text


@settings(max_examples=300)
@given(SIMPLE, BEFORE, AROUND, st.lists(NOTES, max_size=2))
def test_a_decorated_action_reads_as_the_action(
    command: str, before: str, around: tuple[str, str], notes: list[str]
) -> None:
    if around[0] and not before.endswith("\n"):
        # A fence has a line of its own; ticks are in the label's line.
        before = before if around[0] == "`" and before.rstrip().endswith((":", "**", "__")) else ""
    same(before + around[0] + command + around[1] + "".join(f"\n\n{note}" for note in notes), command)


@settings(max_examples=400)
@given(operations().map(canonical) | st.sampled_from(ONE_LINE), st.integers(0, 4000))
def test_a_backslash_before_a_letter_or_digit_outside_quotes_is_refused_with_the_reason(
    command: str, position: int
) -> None:
    assume(command.startswith(("kubectl ", "ssh ")) and not set(command) & set("#`“‘\\"))
    # Before the command's first word the text has none.
    places = [at for at in outside_quotes(command) if at > command.index(" ") and command[at].isalnum()]
    assume(places)
    at = places[position % len(places)]
    found = describe_text(f"{command[:at]}\\{command[at:]}")
    assert found["reading"] == "refused"
    if at > command.index(" ") and not command.startswith("ssh") and command.isascii():
        assert found["reason"]


@settings(max_examples=200)
@given(SIMPLE, st.data())
def test_spaces_of_every_width_are_folded(command: str, data: st.DataObject) -> None:
    places = {at for at in outside_quotes(command) if command[at] == " "}
    spaces = st.sampled_from(SPACES + " ")
    text = "".join(data.draw(spaces) if at in places else char for at, char in enumerate(command))
    same(text, command)


@given(st.sampled_from("\u2028\u2029\x0b\x0c\x85\u200b\u200c\u200d\u180e\ufeff\u2060\u00ad\u2062"), SIMPLE)
def test_what_is_not_seen_is_named(char: str, command: str) -> None:
    found = describe_text(command.replace(" ", f" {char}", 1))
    assert found["reading"] == "refused"
    assert f"U+{ord(char):04X}" in found["reason"]


@settings(max_examples=200)
@given(DASHES, st.sampled_from(["-n prod", "--replicas=3 -n prod", "--replicas 3"]))
def test_a_dash_for_the_hyphens_of_a_flag_is_named(dash: str, flags: str) -> None:
    meant = flags.lstrip("-")
    found = describe_text(f"kubectl scale deployment/api {dash}{meant}")
    assert found["reading"] == "refused"
    assert dash in found["reason"], found
    assert flags.split(maxsplit=1)[0].partition("=")[0] in found["hint"]


@given(SIMPLE, st.sampled_from([" ", "  ", "\t"]))
def test_after_two_hyphens_kubectl_has_no_command(command: str, space: str) -> None:
    found = describe_text(command.replace("kubectl ", f"kubectl{space}--{space}", 1))
    assert found["reading"] == "refused"
    assert "--" in found["reason"]


@given(SIMPLE, st.text(st.sampled_from(f" \t{SPACES}"), max_size=3), st.integers(0, 50))
def test_blanks_behind_a_continuing_backslash_are_not_meant(command: str, blanks: str, position: int) -> None:
    places = [at for at in outside_quotes(command) if command[at] == " "]
    assume(len(places) > 1)
    at = places[1:][position % (len(places) - 1)]
    same(f"{command[:at]} \\{blanks}\n{command[at:]}", command)


def test_a_reading_of_a_decorated_action_is_an_operation() -> None:
    """The comparisons above are of operations, not of two refusals."""
    reading = read_action("bash\n$ kubectl rollout restart deployment/api -n prod\n\nRisk: low")
    assert isinstance(reading, KubernetesOperation)
