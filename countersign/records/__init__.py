"""What Countersign remembers, in PostgreSQL: tables, migrations, and one module per thing that happens to them."""
