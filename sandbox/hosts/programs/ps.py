"""ps: the machine's nginx for `-C nginx`, the real processes for `-eo args=`, else a table without secrets."""

from pathlib import Path

from sandbox.hosts.programs.machine import Machine


def main(machine: Machine, argv: list[str]) -> int:
    """Print what the options ask for."""
    if "-C" in argv:
        with machine.state() as state:
            nginx = state["nginx"]
        if not nginx["workers"]:
            return 1
        print(f"{nginx['master']} 1 {nginx['start']} nginx: master process /usr/sbin/nginx")
        for worker in nginx["workers"]:
            print(f"{worker['pid']} {nginx['master']} {worker['start']} nginx: worker process")
        return 0
    if "args=" not in argv:
        print("  PID USER     %CPU %MEM STAT COMMAND\n    1 root      0.1  0.2 Ss   systemd")
        return 0
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")[:-1]
            except OSError:
                continue
            if words:
                print(b" ".join(words).decode(errors="replace").replace("\n", " "))
    return 0
