"""What the role that Countersign runs as could do beyond what it has to: everything here should be nothing."""

from collections.abc import Sequence

from sqlalchemy import Engine, text

from countersign.records.database.grants import GRANTS

# Rights that let whoever has them change any record, or what guards them.
_ATTRIBUTES = text("""
    SELECT rolsuper AS "is a superuser", rolcreaterole AS "may make roles", rolbypassrls AS "passes row security",
           has_schema_privilege('public', 'CREATE') AS "may create in the schema",
           has_database_privilege(current_database(), 'TEMP') AS "may make temporary tables",
           has_database_privilege(current_database(), 'CREATE') AS "may create schemas"
    FROM pg_roles WHERE rolname = current_user
""")

# Tables of which the role could become the owner, and so switch their triggers off.
_OWNED = text("""
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND pg_has_role(relowner, 'MEMBER')
    ORDER BY relname
""")

# What may be done to a table as a whole, and to which of its columns.
_HELD = text("""
    SELECT relname, right_, NULL AS column_
    FROM pg_class, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES']) AS right_
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND has_table_privilege(oid, right_)
    UNION ALL
    SELECT relname, 'UPDATE', attname
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
      AND NOT has_table_privilege(pg_class.oid, 'UPDATE') AND has_column_privilege(pg_class.oid, attnum, 'UPDATE')
    ORDER BY 1, 2, 3
""")


def excess_rights(engine: Engine) -> Sequence[str]:
    """Return what the engine's role may do and Countersign never does, a few words each; none is as it should be."""
    with engine.connect() as connection:
        attributes = connection.execute(_ATTRIBUTES).mappings().one()
        found = [name for name, held in attributes.items() if held]
        if found and found[0] == "is a superuser":
            return found[:1]
        if owned := connection.execute(_OWNED).scalars().all():
            return [*found, f"owns {', '.join(owned[:3])}" + (" and others" if len(owned) > 3 else "")]
        held = connection.execute(_HELD).all()
    return [*found, *(_words(*each) for each in held if not _is_needed(*each))]


def _is_needed(table: str, right: str, column: str | None) -> bool:
    grant = GRANTS.get(table)
    if grant is None:
        return False
    return (right == "INSERT" and grant.insert) or (right == "UPDATE" and column in grant.update)


def _words(table: str, right: str, column: str | None) -> str:
    return f"may {right} {table}" + (f" ({column})" if column else "")
