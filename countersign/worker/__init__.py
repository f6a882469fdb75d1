"""The warm worker, a Prefect worker type that runs flows in its own process (docs/decisions)."""

from countersign.worker.warm import WarmWorker

__all__ = ["WarmWorker"]
