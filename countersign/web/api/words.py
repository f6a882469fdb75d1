"""The plain values that requests are made of, each with its limit."""

from typing import Annotated, Final

from fastapi import Header, Query
from pydantic import BaseModel, ConfigDict, StringConstraints

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
Limit = Annotated[int, Query(ge=1, le=100)]


class Given(BaseModel):
    """The body of a request: what it has beyond its fields is refused."""

    model_config = ConfigDict(extra="forbid")
