"""Blocks as a person would fill them in, with secrets that are easy to find where they must not be."""

from typing import Any

import yaml

from sandbox.hosts.keys import KeyPair, new_key

SECRET = "hunter2-this-must-never-be-shown"
HOST_KEY: KeyPair = new_key()
CLIENT_KEY: KeyPair = new_key()
OTHER_KEY: KeyPair = new_key()


def kubeconfig(server: str = "https://127.0.0.1:1", token: str = SECRET, **context: Any) -> str:
    """Return a kubeconfig's text with the contexts blue (the current one) and green."""
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "blue",
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [
                {"name": name, "context": {"cluster": "c", "user": "u"} | context} for name in ("blue", "green")
            ],
        }
    )


CLUSTER: dict[str, Any] = {"cluster_name": "production", "server": "https://127.0.0.1:1", "token": SECRET}
CHATS: dict[str, Any] = {
    "chats": [
        {"service": "slack", "chat": "C0OPS", "risks": ["low"]},
        {"service": "telegram", "chat": "-1001", "language": "zh-TW"},
    ],
    "slack_token": f"xoxb-{SECRET}",
    "slack_signing_secret": SECRET,
    "slack_workspace": "T0SPACE",
    "discord_token": SECRET,
    "discord_public_key": "0" * 64,
    "discord_server": "290926798626357999",
    "telegram_token": SECRET,
}
CHANNELS: dict[str, Any] = {
    "channels": [
        {
            "name": "on-call",
            "risks": ["high", "critical"],
            "outcomes": ["failed", "rolled_back"],
            "format": "markdown",
        },
        {"name": "audit", "language": "zh-TW"},
    ],
    "urls": {"on-call": f"slack://TokenA/TokenB/{SECRET}", "audit": f"jsons://bot:{SECRET}@audit.example.com/hook"},
    "telegram_token": SECRET,
}


def hosts(port: int = 22, **fields: Any) -> dict[str, Any]:
    """Return the fields of a fleet of one host, web-1, on this machine."""
    web = {"name": "web-1", "address": "127.0.0.1", "port": port, "host_keys": [HOST_KEY.public]}
    return {"user": "root", "private_key": CLIENT_KEY.private, "hosts": [web]} | fields
