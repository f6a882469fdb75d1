"""Prefect block types: what a person fills in once in the UI. `prefect block register -m blocks` makes them known.

Adding one: a file with one Block subclass and its `check()`, a line here, and a test in tests/blocks.
"""

from blocks.chat_approvals import ChatApprovals
from blocks.kubernetes_cluster import KubernetesCluster
from blocks.notification_channels import NotificationChannels
from blocks.ssh_hosts import SSHHosts

__all__ = ["ChatApprovals", "KubernetesCluster", "NotificationChannels", "SSHHosts"]
