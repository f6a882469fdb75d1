"""Everything on one machine: embedded PostgreSQL and Valkey, Prefect, workers, and who keeps them running."""
