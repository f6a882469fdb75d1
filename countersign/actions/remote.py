"""The remote command that means a host tool: the inverse of countersign.actions.hosts."""

from collections.abc import Mapping

from countersign.errors import InternalError


def remote_command(tool: str, parameters: Mapping[str, str]) -> str:
    """Return the one command that is routed to `tool` with these parameters. Raises InternalError."""
    match tool, dict(parameters):
        case "ssh_diagnose", _:
            return "uptime"
        case "ssh_docker_restart", {"container": container}:
            return f"docker restart {container}"
        case "ssh_docker_compose_restart", {"project": project, "service": service}:
            return f"docker compose -p {project} restart {service}"
        case "ssh_systemctl_restart", {"unit": unit}:
            # Unquoted, a shell would drop the backslash of an escape of systemd.
            return f'systemctl restart "{unit}"' if "\\" in unit else f"systemctl restart {unit}"
        case "ssh_clear_docker_logs", {"container": container}:
            return f"truncate -s 0 $(docker inspect --format='{{{{.LogPath}}}}' {container})"
        case "ssh_renew_ssl", {"cert_name": name}:
            return f"certbot renew --cert-name {name}"
        case "ssh_reload_nginx", _:
            return "nginx -s reload"
        case "ssh_docker_prune", {"what": what, "all": every}:
            kind = {"images": "image", "volumes": "volume"}.get(what, what)
            return f"docker {kind} prune -f" + (" -a" if every == "true" else "")
    raise InternalError(f"host tool {tool} has no remote command")
