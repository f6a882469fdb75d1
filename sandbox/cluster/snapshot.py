"""Keeping the store in a file, one JSON line a commit: a killed API server comes back with what it had."""

import json
from pathlib import Path
from typing import Any

from sandbox.cluster.store import Change, Commit, Store


def load(store: Store, file: Path) -> bool:
    """Take over what `file` holds; False if there was nothing. A last line that was cut off is left out."""
    if not file.exists():
        return False
    latest: dict[tuple[str, str, str], dict[str, Any]] = {}
    for text in file.read_text().splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            break
        metadata = line["object"]["metadata"]
        latest[line["resource"], metadata.get("namespace", ""), metadata["name"]] = line
        store.restore(Change(line["change"]), line["resource"], line["object"])
    kept = [line for line in latest.values() if line["change"] != Change.DELETED]
    shorter = file.with_suffix(".new")
    shorter.write_text("".join(json.dumps(line) + "\n" for line in kept))
    shorter.replace(file)
    return bool(kept)


def keep(store: Store, file: Path) -> None:
    """Append every commit of `store` to `file`, flushed: it survives the process, not the machine."""
    opened = file.open("a")

    def write(commit: Commit) -> None:
        line = {"change": commit.change, "resource": commit.resource, "object": commit.item}
        opened.write(json.dumps(line) + "\n")
        opened.flush()

    store.listen(write)
