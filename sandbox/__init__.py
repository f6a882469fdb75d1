"""What pretends: a cluster, a host, and the demonstration on them. Nothing in countersign imports it."""
