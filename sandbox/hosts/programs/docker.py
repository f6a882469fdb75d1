"""docker: inspect, ls and restart of containers, images, volumes, prune, and compose restart by labels."""

import json
import re
import sys
from datetime import UTC, datetime
from typing import Any

from sandbox.hosts.programs.machine import Machine

_PLACE = re.compile(r"\{\{\s*(json )?\.([A-Za-z.]+)\s*\}\}")


def main(machine: Machine, argv: list[str]) -> int:
    """Do what the first words say."""
    words = [word for word in argv if not word.startswith("-")]
    options = [word for word in argv if word.startswith("-")]
    match words:
        case ["container", "inspect", *names]:
            return _inspect(machine, names, options)
        case ["container", "ls"] | ["ps"]:
            return _containers(machine, options)
        case ["restart", name]:
            return _restart(machine, [name])
        case ["image", "ls"]:
            return _list(machine, "images", options)
        case ["volume", "ls"]:
            return _list(machine, "volumes", options)
        case [("image" | "volume" | "system") as what, "prune"] if "--force" in options:
            return _prune(machine, what, everything="--all" in options)
        case ["version"]:
            print("1.47")
            return 0
        case ["compose", project, "restart", service] if options[:1] == ["-p"]:
            return _restart_service(machine, project, service)
    print(f"docker: '{' '.join(argv)}' is not a docker command.", file=sys.stderr)
    return 1


def now() -> str:
    """docker's form of a time."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def _render(template: str, value: dict[str, Any]) -> str:
    def place(found: re.Match[str]) -> str:
        item: Any = value
        for part in found[2].split("."):
            item = item.get(part) if isinstance(item, dict) else None
        return json.dumps(item) if found[1] else str(item)

    return _PLACE.sub(place, template)


def _template(options: list[str]) -> str:
    return next((option[9:] for option in options if option.startswith("--format=")), "{{json .ID}}")


def _find(state: dict[str, Any], name: str) -> dict[str, Any] | None:
    found: list[dict[str, Any]] = [
        one for one in state["containers"] if name == one["Name"].lstrip("/") or one["Id"].startswith(name)
    ]
    return found[0] if found else None


def _inspect(machine: Machine, names: list[str], options: list[str]) -> int:
    code = 0
    with machine.state() as state:
        for name in names:
            container = _find(state, name)
            if container is None:
                print(f"Error response from daemon: No such container: {name}", file=sys.stderr)
                code = 1
            else:
                print(_render(_template(options), container))
    return code


def _containers(machine: Machine, options: list[str]) -> int:
    filters = [option.removeprefix("--filter=").split("=", 1) for option in options if option.startswith("--filter=")]
    labels = {value for key, value in filters if key == "label"}
    statuses = {value for key, value in filters if key == "status"}
    everything = "--all" in options or "-a" in options
    with machine.state() as state:
        for one in state["containers"]:
            has = {f"{key}={value}" for key, value in one["Config"]["Labels"].items()}
            status = one["State"]["Status"]
            if labels <= has and (status in statuses if statuses else everything or status == "running"):
                row = {"ID": one["Id"], "Names": one["Name"].lstrip("/"), "Status": status, "Image": one["Image"]}
                print(_render(_template(options), row))
    return 0


def _restart(machine: Machine, names: list[str]) -> int:
    with machine.state() as state:
        for name in names:
            container = _find(state, name)
            if container is None:
                print(f"Error response from daemon: No such container: {name}", file=sys.stderr)
                return 1
            container["State"] = {"Status": "running", "Running": True, "StartedAt": now()}
            machine.effect(f"restart {container['Name'].lstrip('/')}")
    print("\n".join(names))
    return 0


def _restart_service(machine: Machine, project: str, service: str) -> int:
    wanted = {"com.docker.compose.project": project, "com.docker.compose.service": service}
    with machine.state() as state:
        ids = [one["Id"] for one in state["containers"] if one["Config"]["Labels"].items() >= wanted.items()]
    if not ids:
        print(f"no such service: {service}", file=sys.stderr)
        return 1
    return _restart(machine, ids)


def _list(machine: Machine, what: str, options: list[str]) -> int:
    with machine.state() as state:
        for one in state[what]:
            if one["dangling"] or "--filter=dangling=true" not in options:
                print(_render(_template(options), one))
    return 0


def _prune(machine: Machine, what: str, *, everything: bool) -> int:
    with machine.state() as state:
        if what == "system":
            state["containers"] = [one for one in state["containers"] if one["State"]["Status"] != "exited"]
        used = {one["Image"] for one in state["containers"]}
        if what in ("image", "system"):
            gone = [one for one in state["images"] if one["ID"] not in used and (everything or one["dangling"])]
            state["images"] = [one for one in state["images"] if one not in gone]
        else:
            unnamed = re.compile(r"[0-9a-f]{64}")
            gone = [
                one for one in state["volumes"] if one["dangling"] and (everything or unnamed.fullmatch(one["Name"]))
            ]
            state["volumes"] = [one for one in state["volumes"] if one not in gone]
        print("\n".join(f"deleted: {one.get('ID') or one['Name']}" for one in gone))
    machine.effect(f"prune {what}")
    print("Total reclaimed space: 1.2MB")
    return 0
