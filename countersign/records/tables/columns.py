"""How the tables' columns are spelled: one function per kind of column, so that all tables agree."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Enum,
    ForeignKey,
    Identity,
    MetaData,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import Uuid
from sqlmodel import SQLModel

CLOCK = text("clock_timestamp()")
"""Times are the database's wall clock; now() would be the transaction's start."""

EMPTY_OBJECT = text("'{}'::jsonb")
EMPTY_LIST = text("'{}'::text[]")


class Record(SQLModel):
    """Base of all tables. Constraints get predictable names, so that migrations can address them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def identifier() -> Column[UUID]:
    """Primary key, made by countersign.records.database.identifiers.new_id."""
    return Column(Uuid(), primary_key=True)


def sequence() -> Column[int]:
    """Primary key that tells the order of inserts."""
    return Column(BigInteger(), Identity(always=True), primary_key=True)


def reference(to: str, *, null: bool = False) -> Column[UUID]:
    """Foreign key to a table's id. Nothing is ever deleted in cascade."""
    return Column(Uuid(), ForeignKey(f"{to}.id"), nullable=null)


def words(*, null: bool = False, default: str | None = None) -> Column[str]:
    return Column(Text(), nullable=null, server_default=default)


def word_list(*, null: bool = False) -> Column[Any]:
    return Column(ARRAY(Text()), nullable=null, server_default=None if null else EMPTY_LIST)


def moment(*, null: bool = False, clock: bool = False) -> Column[Any]:
    """Point in time with its zone; `clock` fills it in on insert."""
    return Column(DateTime(timezone=True), nullable=null, server_default=CLOCK if clock else None)


def document(*, null: bool = False) -> Column[Any]:
    """JSON object."""
    return Column(JSONB(none_as_null=True), nullable=null, server_default=None if null else EMPTY_OBJECT)


def one_of(values: type[StrEnum], *, null: bool = False, default: StrEnum | None = None) -> Column[Any]:
    """Text holding one of the enum's values; pair it with `check_one_of`."""
    kind = Enum(
        values,
        native_enum=False,
        create_constraint=False,
        length=32,
        values_callable=lambda enum: [str(item.value) for item in enum],
    )
    return Column(kind, nullable=null, server_default=default.value if default else None)


def check_one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """The database's own list of what `column` may hold."""
    listed = ", ".join(f"'{item.value}'" for item in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def check_length(column: str, limit: int) -> CheckConstraint:
    return CheckConstraint(f"char_length({column}) <= {limit}", name=f"{column}_length")
