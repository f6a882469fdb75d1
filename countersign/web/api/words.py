"""The plain values that requests are made of, each with its limit."""

import re
from typing import Annotated, Final

from fastapi import Header, Query
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, StringConstraints

LARGEST: Final = 2**63 - 1
"""What a number of the records can be."""

Word = Annotated[str, StringConstraints(max_length=200)]
Text = Annotated[str, StringConstraints(max_length=4_000)]
Said = Annotated[str, StringConstraints(min_length=1, max_length=4_000, pattern=r"\S")]
"""A text that says something."""
Base64 = Annotated[str, StringConstraints(max_length=4_000)]
Hash = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
IfMatch = Annotated[str | None, Header(description="the ETag that was seen; another one is refused")]
Cursor = Annotated[str | None, Query(description="`next` of the page before", max_length=200)]
NextCursor = Annotated[
    str | None,
    Query(description="as the address behind `Link: rel=next` of the page before says it", max_length=1_000),
]
Limit = Annotated[int, Query(ge=1, le=100)]

_WRITTEN: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d")


def _is_written(value: object) -> object:
    """Refuse seconds since 1970, which a query's text could be read as."""
    if not isinstance(value, str) or _WRITTEN.match(value) is None:
        raise ValueError("is not a time as RFC 3339 writes it")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_is_written)]


class Given(BaseModel):
    """The body of a request: what it has beyond its fields is refused."""

    model_config = ConfigDict(extra="forbid")
