"""A real cluster, connected as docs/clusters.md says, and every operation executed there through the deployment."""
