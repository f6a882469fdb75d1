"""`python -m sandbox.cluster`: the sandbox cluster as a process that ends on SIGTERM."""

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

import yaml

from countersign.private_files import write_private
from sandbox.cluster.cluster import SandboxCluster
from sandbox.cluster.identity import kept_identity, new_identity


def main() -> None:
    """Serve until SIGTERM or SIGINT; print one JSON line {"url", "kubeconfig"} when ready."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.cluster", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="loopback port; 0 is any free one")
    parser.add_argument("--kubeconfig", type=Path, help="file to write; token and certificate are kept beside it")
    parser.add_argument("--seed", type=Path, help="manifests (YAML) instead of the default ones")
    parser.add_argument("--state", type=Path, help="file that the objects are kept in")
    parser.add_argument(
        "--mutations", type=Path, help="file that gets a line for each request that changed something"
    )
    parser.add_argument("--speed", type=float, default=1.0, help="divides every duration of pods and controllers")
    given = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    file: Path | None = given.kubeconfig
    identity = kept_identity(file.with_name(file.name + ".identity")) if file else new_identity()
    manifests = list(yaml.safe_load_all(given.seed.read_text())) if given.seed else None
    cluster = SandboxCluster(
        manifests=manifests,
        port=given.port,
        speed=given.speed,
        state=given.state,
        mutations=given.mutations,
        identity=identity,
    )
    with cluster:
        if file:
            # In one piece: whoever waits for the file must not read half of it.
            whole = file.with_name(f"{file.name}.new")
            write_private(whole, cluster.kubeconfig)
            whole.replace(file)
        sys.stdout.write(json.dumps({"url": cluster.url, "kubeconfig": str(file) if file else None}) + "\n")
        sys.stdout.flush()
        ended.wait()


if __name__ == "__main__":
    main()
