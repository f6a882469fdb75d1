"""A secret in any form that is recognised is shown as nothing but ***, whatever characters it is made of."""

import json
import shlex
from collections.abc import Callable
from urllib.parse import quote

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from countersign.masking import MASK, masked, masked_values

FEW = settings(max_examples=25, deadline=None)
PART = "QZ7"
"""Stands in every part of a random secret, so that a part that is left over is noticed."""
BETWEEN = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=4)
LINES = st.lists(BETWEEN, min_size=2, max_size=6).map(lambda between: PART + PART.join(between) + PART)
WORDS = st.lists(st.text("abcXYZ019._~!$%^&*+/-:#@", max_size=4), min_size=2, max_size=6).map(
    lambda between: PART + PART.join(between) + PART
)
SEVERAL_LINES = st.lists(LINES, min_size=2, max_size=4).map("\n".join)


class Literal(str):
    """A text that YAML writes as a block."""

    __slots__ = ()


class Folded(str):
    """A text that YAML writes as a folded block."""

    __slots__ = ()


class Dumper(yaml.SafeDumper):
    """Writes these two."""


Dumper.add_representer(Literal, lambda d, data: d.represent_scalar("tag:yaml.org,2002:str", str(data), style="|"))
Dumper.add_representer(Folded, lambda d, data: d.represent_scalar("tag:yaml.org,2002:str", str(data), style=">"))


def dumped(kind: type[str], secret: str) -> str:
    env = [{"name": "LOG", "value": "debug"}, {"name": "API_TOKEN", "value": kind(secret)}]
    return yaml.dump({"a": {"password": kind(secret), "log": "debug"}, "env": env}, Dumper=Dumper, width=40)


def quoted(style: str) -> Callable[[str], str]:
    return lambda secret: yaml.safe_dump({"a": [{"db_password": secret}, {"log": 1}]}, default_style=style, width=40)


def nested(secret: str, depth: int) -> str:
    text = json.dumps({"spec": {"password": secret, "log": "debug"}})
    for _ in range(depth):
        text = json.dumps({"text": text, "log": "debug"})
    return text


def replacing(path: str, secret: str) -> dict[str, str]:
    return {"op": "replace", "path": path, "value": secret}


ONE_LINE: dict[str, Callable[[str], str]] = {
    "an assignment": lambda s: f"kubectl set env deployment/api DB_PASSWORD={shlex.quote(s)} LOG=debug",
    "a quoted assignment": lambda s: f"kubectl set env deployment/api {shlex.quote(f'DB_PASSWORD={s}')} LOG=debug",
    "a flag": lambda s: f"something --password {shlex.quote(s)} --other x",
    "a flag with =": lambda s: f"something --password={shlex.quote(s)} --other x",
    "a literal": lambda s: f"--from-literal=user={shlex.quote(s)} --dry-run",
    "a quoted literal": lambda s: f"--from-literal {shlex.quote(f'user={s}')} --dry-run",
    "a user": lambda s: f"curl -u {shlex.quote(f'app:{s}')} https://example.org/",
    "a header": lambda s: f"curl -H {shlex.quote(f'Authorization: {s}')} https://example.org/",
    "arguments": lambda s: json.dumps({"args": ["--password", s, "--token=" + s], "log": 1}),
    "a list": lambda s: json.dumps({"tokens": [s, s], "log": 1}),
    "a patch": lambda s: json.dumps([replacing("/data/user", s), replacing("/spec/password", s)]),
    "a patch, value first": lambda s: json.dumps([{"value": s, "path": "/data/user", "op": "add"}]),
    "a patch in a shell": lambda s: (
        f"kubectl patch -p {shlex.quote(json.dumps({'spec': {'token': s}}))} --type merge"
    ),
    "a patch in YAML": lambda s: yaml.safe_dump([replacing("/data/user", s)], default_style='"', width=10**6),
    "a pair": lambda s: json.dumps({"env": [{"name": "API_KEY", "value": s}, {"name": "LOG", "value": "1"}]}),
    "a pair, value first": lambda s: json.dumps({"env": [{"value": s, "name": "API_KEY"}]}),
    "Python": lambda s: repr({"password": s, "log": "debug"}),
    "a Secret": lambda s: json.dumps({"data": {"user": s}, "kind": "Secret"}),
    "string data": lambda s: json.dumps({"stringData": {"user": s, "more": {"x": s}}, "log": 1}),
}
ANY_LINES: dict[str, Callable[[str], str]] = {
    "JSON": lambda s: nested(s, 0),
    "JSON in JSON": lambda s: nested(s, 1),
    "JSON in JSON in JSON": lambda s: nested(s, 2),
    "JSON on lines": lambda s: json.dumps({"a": {"password": s, "log": "debug"}}, indent=2),
    "YAML": quoted(""),
    "YAML in quotes": quoted('"'),
    "YAML in single quotes": quoted("'"),
    "YAML in a block": lambda s: dumped(Literal, s),
    "YAML in a folded block": lambda s: dumped(Folded, s),
    "a block in YAML in JSON": lambda s: json.dumps({"text": yaml.safe_dump({"password": s}, default_style="|")}),
    "a Secret in YAML": lambda s: yaml.safe_dump({"kind": "Secret", "data": {"a": s, "b": [s]}, "type": "Opaque"}),
    "a description": lambda s: "    DB_PASSWORD:  " + s.replace("\n", "\n                  ") + "\n    LOG:  debug",
}
ONE_WORD: dict[str, Callable[[str], str]] = {
    "an address": lambda s: f"kubectl set env deploy/api DATABASE_URL=postgresql://app:{s}@db/app LOG=debug",
    "an address in JSON": lambda s: json.dumps({"url": f"amqp://app:{s}@mq:5672/x", "log": "debug"}),
    "an encoded address": lambda s: f"see redis://:{quote(s, safe='')}@cache:6379/0 for more",
    "a configuration file": lambda s: f"[db]\npassword = {s}\nlog = debug\n",
    "a line of YAML": lambda s: f"password: {s}\nlog: debug\n",
    "after full-width punctuation": lambda s: f"密碼：{s}\n",
}


@pytest.mark.parametrize("form", [*ONE_LINE, *ANY_LINES])
@FEW
@given(secret=LINES)
def test_a_secret_of_any_characters_is_masked(form: str, secret: str) -> None:
    text = {**ONE_LINE, **ANY_LINES}[form](secret)
    assert PART not in masked(text), text


@pytest.mark.parametrize("form", ANY_LINES)
@FEW
@given(secret=SEVERAL_LINES)
def test_a_secret_of_several_lines_is_masked(form: str, secret: str) -> None:
    text = ANY_LINES[form](secret)
    assert PART not in masked(text), text


@pytest.mark.parametrize("form", ONE_WORD)
@FEW
@given(secret=WORDS)
def test_a_secret_of_one_word_is_masked(form: str, secret: str) -> None:
    text = ONE_WORD[form](secret)
    assert PART not in masked(text), text


@pytest.mark.parametrize("form", [*ONE_LINE, *ANY_LINES, *ONE_WORD])
def test_a_secret_of_any_length_is_masked_to_its_end(form: str) -> None:
    secret = "ab" * 5000 + PART
    assert PART not in masked({**ONE_LINE, **ANY_LINES, **ONE_WORD}[form](secret))


@pytest.mark.parametrize("form", [*ONE_LINE, *ANY_LINES, *ONE_WORD])
def test_masking_a_masked_text_changes_nothing(form: str) -> None:
    once = masked({**ONE_LINE, **ANY_LINES, **ONE_WORD}[form](f"{PART}+{PART}"))
    assert MASK in once
    assert masked(once) == once


@FEW
@given(st.recursive(LINES, lambda inner: st.lists(inner) | st.dictionaries(st.just("password"), inner), max_leaves=5))
def test_values_under_the_name_of_a_secret_are_masked_at_any_depth(value: object) -> None:
    assert PART not in json.dumps(masked_values({"stringData": value}))
    assert PART not in json.dumps(masked_values([{"op": "add", "path": "/data", "value": value}]))


def test_a_value_of_a_patch_or_a_pair_is_masked_by_its_path_or_name() -> None:
    given_ = {"patch": [replacing("/data/user", PART), replacing("/spec/replicas", "3")], "tokens": [PART], "pin": 1}
    assert masked_values(given_) == {
        "patch": [replacing("/data/user", MASK), replacing("/spec/replicas", "3")],
        "tokens": [MASK],
        "pin": 1,
    }
    assert masked_values({"name": "API_KEY", "value": PART}) == {"name": "API_KEY", "value": MASK}
    assert masked_values({"kind": "Secret", "data": {"a": PART}}) == {"kind": "Secret", "data": {"a": MASK}}
