"""Names of people: one form in which they compare, and what is refused because a reader would not see it.

Two names are one person's if they look alike: full-width letters, other cases, spaces around them, and letters of
another script with the same shape. So nobody passes the four-eyes rule as his own look-alike.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final

from countersign.actions.characters import refuse_hidden_characters
from countersign.errors import Disguised, InvalidInput, ParseFailure

NAME_LIMIT: Final = 200

# Letters of other scripts that are drawn as Latin ones are (Unicode Technical Standard 39, confusables).
_DRAWN_AS: Final = str.maketrans(
    {
        **dict(zip("авсԁеһіјкӏмнорԛѕтвԝхуґьԍ", "abcdehijklmhopqstbwxyrbg", strict=True)),
        **dict(zip("αβεηικνορτυχγωϳ", "abenikvoptuxywj", strict=True)),
        **dict(zip("ıȷɑɡɩʋᴏᴠᴡᴢℓ", "ijagivovwzl", strict=True)),
        "օ": "o",
        "ո": "n",
        "ս": "u",
        "հ": "h",
        "0": "o",
        "1": "l",
        "|": "l",
    }
)
_SCRIPTS_OF_JAPANESE_AND_CHINESE: Final = frozenset({"CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "HANGUL"})


def identity(name: str) -> str:
    """Return the form in which two spellings of one person's name are equal."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    seen = "".join(char for char in folded if unicodedata.category(char) not in ("Cf", "Cc"))
    return seen.strip().translate(_DRAWN_AS)


def spelled(name: str) -> str:
    """Return the form in which two spellings of one name are equal to whoever is let in: case and width are not told
    apart, and letters that only look alike are. `identity` refuses more, and so gives nobody what is another one's.
    """
    return unicodedata.normalize("NFKC", name).casefold().strip()


def require_name(name: str, *, field: str) -> None:
    """Refuse a name that cannot be told from another by looking at it.

    Raises Disguised, or InvalidInput for one that is empty or too long, naming `field`.
    """
    if not name.strip():
        raise InvalidInput(f"{field}: must not be empty")
    if len(name) > NAME_LIMIT:
        raise InvalidInput(f"{field}: {len(name)} characters, at most {NAME_LIMIT} are accepted")
    require_seen(name, field=field, line_breaks=False)
    scripts = {script for char in name if (script := _script(char)) is not None}
    if len(scripts) > 1 and not scripts - {"LATIN"} <= _SCRIPTS_OF_JAPANESE_AND_CHINESE:
        raise Disguised(
            f"{field}: {name!a} mixes {' and '.join(sorted(script.capitalize() for script in scripts))} letters, "
            "some of which look alike",
            hint="write the name in one script",
        )


def require_seen(text: str, *, field: str, line_breaks: bool) -> None:
    """Refuse control and invisible characters. Raises Disguised naming `field` and the character."""
    try:
        refuse_hidden_characters(text, of=field, line_breaks=line_breaks)
    except ParseFailure as failure:
        raise Disguised(failure.message, hint=failure.hint) from None


def texts_in(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from texts_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_in(item)


def _script(char: str) -> str | None:
    """Return the first word of the letter's name, which is its script's; None for what is no letter."""
    if not unicodedata.category(char).startswith("L"):
        return None
    return unicodedata.name(char, "UNNAMED").split()[0].split("-")[0]
