"""Alembic's entry: it gets the connection (and the lock around it) from countersign.records.database.migrate."""

from alembic import context

from countersign.records.tables import Record

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Record.metadata,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
