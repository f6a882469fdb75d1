"""Every host tool. Adding one is a module in this package and a line here."""

from collections.abc import Mapping

from countersign.targets.hosts.tools import (
    clear_docker_logs,
    diagnose,
    docker_compose_restart,
    docker_prune,
    docker_restart,
    reload_nginx,
    renew_ssl,
    systemctl_restart,
)
from countersign.targets.hosts.tools.model import Tool

_ALL = (
    diagnose.TOOL,
    docker_restart.TOOL,
    docker_compose_restart.TOOL,
    systemctl_restart.TOOL,
    clear_docker_logs.TOOL,
    renew_ssl.TOOL,
    reload_nginx.TOOL,
    docker_prune.TOOL,
)

TOOLS: Mapping[str, Tool] = {tool.name: tool for tool in _ALL}
"""By name."""
