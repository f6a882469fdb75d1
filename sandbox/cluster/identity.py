"""Who the sandbox's API server is: a self-signed certificate for loopback, and the token that opens it.

kubectl sends no token over plain HTTP, hence TLS.
"""

import json
import ssl
import tempfile
from base64 import b64encode
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from secrets import token_urlsafe

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from countersign.private_files import write_private

_VALID = timedelta(days=3650)
CONTEXT = "sandbox"


@dataclass(frozen=True)
class Identity:
    """PEM texts and the token."""

    token: str = field(repr=False)
    certificate: str
    key: str = field(repr=False)

    def tls(self) -> ssl.SSLContext:
        """Return the server's side of TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as both:
            both.write(self.key + self.certificate)
            both.flush()
            context.load_cert_chain(both.name)
        return context

    def kubeconfig(self, url: str) -> str:
        """Return a kubeconfig with the context "sandbox"."""
        authority = b64encode(self.certificate.encode()).decode()
        return yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": CONTEXT, "cluster": {"server": url, "certificate-authority-data": authority}}],
                "users": [{"name": CONTEXT, "user": {"token": self.token}}],
                "contexts": [
                    {"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT, "namespace": "default"}}
                ],
                "current-context": CONTEXT,
            },
            sort_keys=False,
        )


def new_identity() -> Identity:
    """Make a key, a certificate for 127.0.0.1 and localhost, and a token."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "countersign sandbox")])
    start = datetime.now(UTC) - timedelta(hours=1)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))])
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _VALID)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    return Identity(token_urlsafe(24), public.decode(), private.decode())


def kept_identity(file: Path) -> Identity:
    """Return the identity kept in `file`, making it at first: a restarted server is still the one that was known."""
    if file.exists():
        return Identity(**json.loads(file.read_text()))
    made = new_identity()
    write_private(file, json.dumps(asdict(made)))
    return made
