"""The catalogues say the same in every language: the same keys, the same {names} to fill in."""

from importlib.resources import files
from string import Formatter

import pytest
import yaml

from countersign.texts import LANGUAGES, catalogue, text

OTHERS = [language for language in LANGUAGES if language != "en"]


def names_in(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_has_every_text(language: str) -> None:
    assert set(catalogue(language)) == set(catalogue("en"))


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_fills_in_the_same_names(language: str) -> None:
    for key, template in catalogue("en").items():
        assert names_in(catalogue(language)[key]) == names_in(template), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_and_text_is_text(language: str) -> None:
    # YAML reads `off:` as False and `no` as False.
    document = yaml.safe_load(files("countersign.texts").joinpath(f"{language}.yaml").read_text(encoding="utf-8"))
    for section, texts in document.items():
        for name, value in texts.items():
            assert isinstance(name, str) and isinstance(value, str) and value.strip(), f"{section}.{name}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_section_or_text_is_given_twice(language: str) -> None:
    lines = files("countersign.texts").joinpath(f"{language}.yaml").read_text(encoding="utf-8").splitlines()
    section, seen = "", set()
    for line in lines:
        name, colon, _ = line.partition(":")
        if not colon or line.startswith("#"):
            continue
        if not line.startswith(" "):
            section = name
        key = (section, name)
        assert key not in seen, key
        seen.add(key)


def test_a_text_is_filled_in_the_language_that_was_asked_for() -> None:
    assert text("telling.sent", channels="a") == "Notified: a."
    assert text("telling.sent", language="zh-TW", channels="a") == "已通知 a。"
