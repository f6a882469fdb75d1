"""The way to PostgreSQL: engine, migrations, the two roles, and what its errors say."""
