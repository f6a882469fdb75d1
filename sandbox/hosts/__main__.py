"""`python -m sandbox.hosts`: a sandbox host in the foreground; one JSON line says how to reach it."""

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from countersign.private_files import write_private
from sandbox.hosts.host import SandboxHost


def main() -> int:
    """Run until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.hosts", description=__doc__)
    parser.add_argument("--name", default="web-1")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--folder", type=Path, help="kept between runs; by default a temporary one")
    parser.add_argument("--server", choices=("auto", "sshd", "standin"), default="auto")
    parser.add_argument("--user", help="who may log in; another than this process's needs the stand-in server")
    parser.add_argument("--announce", type=Path, help="a file that gets the line too, whole or not at all")
    options = parser.parse_args()

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with SandboxHost(
        name=options.name, server=options.server, folder=options.folder, port=options.port, user=options.user
    ) as host:
        ready = {
            "name": host.name,
            "address": "127.0.0.1",
            "port": host.port,
            "user": host.user,
            "host_key": host.host_key,
            "private_key_file": str(host.folder / "client_key"),
            "folder": str(host.folder),
        }
        if options.announce:
            written = options.announce.with_suffix(".new")
            write_private(written, json.dumps(ready))
            written.replace(options.announce)
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
