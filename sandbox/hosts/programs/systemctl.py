"""systemctl: show and restart of units, and the list of failed ones."""

import sys
import uuid

from sandbox.hosts.programs.machine import Machine


def main(machine: Machine, argv: list[str]) -> int:
    """Do what the first word says."""
    words = [word for word in argv if not word.startswith("-")]
    match words:
        case ["show", name]:
            return _show(machine, name, argv)
        case ["restart", name]:
            return restart(machine, name)
        case ["list-units"]:
            return _list(machine, failed_only="--state=failed" in argv)
    print(f"Unknown command verb {' '.join(argv)}.", file=sys.stderr)
    return 1


def unit_name(name: str) -> str:
    """systemctl takes a name without a suffix for a service."""
    return name if "." in name else f"{name}.service"


def restart(machine: Machine, name: str) -> int:
    """Give the unit a new invocation. A unit marked `breaks` fails to start, as one with a bad configuration."""
    with machine.state() as state:
        unit = state["units"].get(unit_name(name))
        if unit is None:
            print(f"Failed to restart {unit_name(name)}: Unit {unit_name(name)} not found.", file=sys.stderr)
            return 5
        works = not unit.get("breaks", False)
        unit["InvocationID"] = uuid.uuid4().hex
        unit["ActiveState"], unit["SubState"] = ("active", "running") if works else ("failed", "failed")
        machine.effect(f"restart {unit_name(name)}")
    if works:
        return 0
    print(f"Job for {unit_name(name)} failed because the control process exited with error code.", file=sys.stderr)
    return 1


def _show(machine: Machine, name: str, argv: list[str]) -> int:
    wanted = next((word[11:].split(",") for word in argv if word.startswith("--property=")), [])
    missing = {"LoadState": "not-found", "ActiveState": "inactive", "SubState": "dead", "InvocationID": ""}
    with machine.state() as state:
        unit = {
            "Job": "",
            "LoadState": "loaded",
            **state["units"].get(unit_name(name), missing),
            "Id": unit_name(name),
        }
        for key in wanted:
            if key in unit and unit[key] != "":
                print(f"{key}={unit[key]}")
    return 0


def _list(machine: Machine, *, failed_only: bool) -> int:
    with machine.state() as state:
        for name, unit in state["units"].items():
            if unit["ActiveState"] == "failed" or not failed_only:
                print(f"{name} loaded {unit['ActiveState']} {unit['SubState']}")
    return 0
