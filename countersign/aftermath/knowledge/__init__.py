"""Cases: what executions leave for the next one who searches."""
