"""certbot: list certificates and renew one that is due."""

import secrets
import sys

from sandbox.hosts.programs.machine import Machine


def main(machine: Machine, argv: list[str]) -> int:
    """Do what the first word says to the certificate of --cert-name."""
    name = argv[argv.index("--cert-name") + 1] if "--cert-name" in argv[:-1] else ""
    match argv[:1]:
        case ["certificates"]:
            return _show(machine, name)
        case ["renew"]:
            return _renew(machine, name)
    print("certbot: error: unrecognized arguments", file=sys.stderr)
    return 2


def _show(machine: Machine, name: str) -> int:
    with machine.state() as state:
        found = state["certificates"].get(name)
    if found is None:
        print("No certificates found.")
        return 0
    print("Found the following matching certs:")
    print(f"  Certificate Name: {name}\n    Serial Number: {found['serial']}\n    Domains: {name}")
    print(f"    Expiry Date: {found['expires']} (VALID: {found['days']} days)")
    return 0


def _renew(machine: Machine, name: str) -> int:
    with machine.state() as state:
        found = state["certificates"].get(name)
        if found is None:
            print(f"No certificate found with name {name}", file=sys.stderr)
            return 1
        if found["days"] >= 30:
            print("The following certificates are not due for renewal yet:")
            return 0
        found.update(serial=secrets.token_hex(18), days=89)
        machine.effect(f"renew {name}")
    print("Congratulations, all renewals succeeded")
    return 0
