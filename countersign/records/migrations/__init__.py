"""Alembic's steps from an empty database to today's tables; run by countersign.records.database.migrate."""
