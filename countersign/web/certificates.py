"""Machines that show a certificate: what one is called that TLS has verified, and for how long it is good.

The names say where in the certificate they stand, so that no certificate is taken for a person or a token's owner,
and the policy's roles can tell them apart: `uri:spiffe://example.com/deploy`, `dns:deploy.example.com`, `cn:deploy`.
"""

import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from countersign.errors import Unauthenticated
from countersign.policy.names import NAME_LIMIT

KINDS: Final = (("URI", "uri"), ("DNS", "dns"))
"""Of subject alternative names, the first kind that a certificate has counts."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*")
"""What stands in a name. An @ is people's: `*@example.com` in a policy means no machine."""


@dataclass(frozen=True)
class Certificate:
    """One that the connection's TLS has verified: signed by the authority of clients, good at the handshake."""

    names: tuple[str, ...]
    """Of the kind that counts, with the kind before each."""
    good_until: datetime


def certificate_of(peer: Mapping[str, Any]) -> Certificate:
    """Return what counts of a certificate as `ssl.SSLSocket.getpeercert` gives it."""
    good_until = datetime.fromtimestamp(ssl.cert_time_to_seconds(peer["notAfter"]), UTC)
    return Certificate(tuple(_names(peer)), good_until)


def name_of(certificate: Certificate, *, now: datetime) -> str:
    """Return what the machine is called that has shown this. Raises Unauthenticated."""
    if certificate.good_until <= now:
        raise Unauthenticated("The certificate has expired since the connection was made.", hint="connect anew")
    if len(certificate.names) != 1:
        found = ", ".join(certificate.names) or "none"
        raise Unauthenticated(
            f"A certificate names one machine, this one: {found[:200]}.",
            hint="give it one URI, else one DNS name, else one common name",
        )
    name = certificate.names[0]
    if len(name) > NAME_LIMIT or _NAME.fullmatch(name) is None:
        raise Unauthenticated(
            "The certificate's name is none that a machine can have here.",
            hint=f"letters, digits and . _ : / -, at most {NAME_LIMIT} with its kind",
        )
    return name


def _names(peer: Mapping[str, Any]) -> Sequence[str]:
    alternative = peer.get("subjectAltName", ())
    for kind, prefix in KINDS:
        if found := [f"{prefix}:{value}" for each, value in alternative if each == kind]:
            return found
    return [f"cn:{value}" for part in peer.get("subject", ()) for key, value in part if key == "commonName"]
