"""nginx: test the configuration, and reload it by replacing the workers."""

import sys
import time

from sandbox.hosts.programs.machine import Machine


def main(machine: Machine, argv: list[str]) -> int:
    """`-t` or `-s reload`."""
    with machine.state() as state:
        nginx = state["nginx"]
        if not nginx["config_ok"]:
            print('nginx: [emerg] unexpected "}" in /etc/nginx/nginx.conf:12', file=sys.stderr)
            print("nginx: configuration file /etc/nginx/nginx.conf test failed", file=sys.stderr)
            return 1
        if argv == ["-t"]:
            print("nginx: configuration file /etc/nginx/nginx.conf test is successful", file=sys.stderr)
            return 0
        if argv != ["-s", "reload"]:
            print(f"nginx: invalid option: {' '.join(argv)}", file=sys.stderr)
            return 1
        if not nginx["workers"]:
            print('nginx: [error] open() "/run/nginx.pid" failed (2: No such file or directory)', file=sys.stderr)
            return 1
        newest = max(worker["pid"] for worker in nginx["workers"])
        start = time.strftime("%a %b %e %H:%M:%S %Y")
        nginx["workers"] = [{"pid": newest + 1 + n, "start": start} for n in range(len(nginx["workers"]))]
        machine.effect("reload nginx")
    return 0
