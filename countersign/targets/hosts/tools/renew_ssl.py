"""ssh_renew_ssl: renew a certificate by name, with certbot."""

import re

from countersign.errors import PermanentTargetError, TargetNotFound, TransientTargetError
from countersign.targets.hosts.tools.model import (
    Command,
    Facts,
    Parameter,
    Parameters,
    Reader,
    Scope,
    Tool,
    landed,
    not_landed,
)
from countersign.targets.model import Finding, Inspection, Severity
from countersign.texts import text

CERTIFICATE = Parameter(re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", re.ASCII), "a certbot certificate's name")
_SERIAL = re.compile(r"Serial Number: ([0-9a-fA-F]+)")
_EXPIRY = re.compile(r"Expiry Date: ([^(\n]+)\((?:VALID: (\d+) day|([^)]*))")
RENEWAL_DAYS = 30
"""certbot renews what has fewer days left (its default for 90-day certificates)."""


def _asks(parameters: Parameters) -> tuple[Command, ...]:
    return (Command(("certbot", "certificates", "--cert-name", parameters["cert_name"]), changes=False),)


def _read(read: Reader, parameters: Parameters) -> Facts:
    name = parameters["cert_name"]
    (certificates,) = _asks(parameters)
    output = read(*certificates.argv, ok=None)
    if "Another instance of Certbot is already running" in output.stdout + output.stderr:
        raise TransientTargetError("Another certbot is at work on the host.")
    if output.exit_code != 0:
        raise PermanentTargetError(f"certbot cannot list {name}: {(output.stderr or output.stdout).strip()[:300]}")
    serial, expiry = _SERIAL.search(output.stdout), _EXPIRY.search(output.stdout)
    if serial is None or expiry is None:
        raise TargetNotFound(
            f"certbot has no certificate named {name!r}.", hint="`certbot certificates` on the host lists them"
        )
    days = int(expiry[2]) if expiry[2] else 0
    return {"name": name, "serial": serial[1].lower(), "expires": expiry[1].strip(), "days_left": days}


def _commands(parameters: Parameters, before: Facts) -> tuple[Command, ...]:
    argv = ("certbot", "renew", "--cert-name", parameters["cert_name"], "--non-interactive")
    return (Command(argv, limit=180),)


def _judge(before: Facts, now: Facts) -> Inspection:
    if now["serial"] != before["serial"]:
        return landed("the certificate has another serial number than in the plan", now)
    return not_landed("the certificate's serial number is the same as in the plan", now)


def _against(parameters: Parameters, facts: Facts) -> tuple[Finding, ...]:
    if facts["days_left"] >= RENEWAL_DAYS:
        said = text("finding.certificate_not_due", name=facts["name"], days=facts["days_left"])
        return (Finding(Severity.WARNING, "certificate_not_due", said),)
    return ()


TOOL = Tool(
    name="ssh_renew_ssl",
    scope=Scope.WRITE,
    minimum_trust=0.5,
    summary="renew a certificate by name",
    parameters={"cert_name": CERTIFICATE},
    title=lambda parameters: f"renew certificate {parameters['cert_name']}",
    read=_read,
    commands=_commands,
    judge=_judge,
    asks=_asks,
    wanted={"serial": "another one than before, unless the certificate is not due"},
    against=_against,
    unhealthy=lambda facts: None if facts["days_left"] else f"the certificate {facts['name']} has expired",
)
