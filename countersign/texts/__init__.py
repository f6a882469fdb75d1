"""Everything that people read in records, reports and pages, in one catalogue per language.

`en.yaml` is complete; another language may lack a text and then shows the English one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib.resources import files

import yaml

from countersign.settings import settings

LANGUAGES = ("en", "zh-TW")
_reader: ContextVar[str | None] = ContextVar("reader", default=None)


def text(key: str, *, language: str | None = None, **values: object) -> str:
    """Return the text `key` in `language` (the reader's or the setting by default) with `values` filled in.

    Raises KeyError for a key that the English catalogue does not have.
    """
    template = catalogue(language or _reader.get() or settings().language).get(key)
    if template is None:
        template = catalogue("en")[key]
    return template.format(**values) if values else template


@contextmanager
def read_in(language: str) -> Iterator[None]:
    """Make what is said meanwhile for one reader, in `language`. For answers that go on no record."""
    before = _reader.set(language)
    try:
        yield
    finally:
        _reader.reset(before)


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(language: str) -> dict[str, str]:
    """Return all texts of one language, keys in the form "section.name"."""
    sections: dict[str, dict[str, str]] = yaml.safe_load(
        files("countersign.texts").joinpath(f"{language}.yaml").read_text(encoding="utf-8")
    )
    return {f"{section}.{name}": value for section, texts in sections.items() for name, value in texts.items()}
