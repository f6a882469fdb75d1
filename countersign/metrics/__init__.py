"""What Countersign counts and measures for Prometheus: every metric is declared here, once.

    from countersign.metrics.worker import RETRIES
    RETRIES.count(phase="plan")

Nothing is configured for counting and nothing is sent: numbers wait in this process until somebody asks for them
(`exposition`). No label holds an approval's id, an object's name or any other text without a bound.
"""
