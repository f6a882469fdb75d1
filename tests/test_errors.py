"""Errors quote what people and targets say, and no secret of it."""

import pytest

from countersign import errors
from countersign.errors import ConfigurationError, CountersignError, InvalidInput, PermanentTargetError, Tampered
from countersign.texts import LANGUAGES, catalogue

SECRET = "hunter2InAnError"


@pytest.mark.parametrize("kind", [CountersignError, PermanentTargetError, InvalidInput, ConfigurationError, Tampered])
def test_no_error_holds_a_secret_of_what_it_quotes(kind: type[CountersignError]) -> None:
    error = kind(f"refused: DB_PASSWORD={SECRET}", hint=f"try --token {SECRET}")
    assert error.message == "refused: DB_PASSWORD=***"
    assert error.hint == "try --token ***"


def test_an_error_about_a_field_tells_what_is_wrong_with_it() -> None:
    assert InvalidInput("private_key: not a key").message == "private_key: not a key"
    assert ConfigurationError("hmac_secrets: bot is not text").message == "hmac_secrets: bot is not text"


def test_what_a_target_says_of_a_secret_is_not_taken_for_a_field() -> None:
    assert PermanentTargetError(f"password: {SECRET}").message == "password: ***"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_error_is_told_in_every_language(language: str) -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, CountersignError)]
    told = {key.removeprefix("error_kind.") for key in catalogue(language) if key.startswith("error_kind.")}
    assert told == {kind.code for kind in kinds}
