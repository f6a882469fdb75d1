"""Certificates made by openssl, and the application served with TLS as `countersign web` serves it."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from countersign.web.serving import config_of
from countersign.web.tls import context_of
from tests.web.conftest import House


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """Signs certificates."""

    folder: Path
    own: Pair

    def issue(
        self, name: str, *, subject: str = "/CN=x", alternative: str = "", days: int = 1, use: str = ""
    ) -> Pair:
        """Return a new certificate."""
        pair = Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        lines = [f"subjectAltName={alternative}"] if alternative else ["basicConstraints=CA:FALSE"]
        extensions.write_text("\n".join([*lines, *([f"extendedKeyUsage={use}"] if use else [])]))
        openssl("req", "-new", *_KEY, "-keyout", pair.key, "-out", request, "-subj", subject)
        signing = ("-CA", self.own.certificate, "-CAkey", self.own.key, "-CAcreateserial")
        openssl(
            "x509", "-req", "-in", request, *signing, "-days", days, "-extfile", extensions, "-out", pair.certificate
        )
        pair.key.chmod(0o600)
        return pair

    def revoke(self, *revoked: Pair, into: Path) -> None:
        """Write the list of what this authority has revoked, good for a day."""
        own = x509.load_pem_x509_certificate(self.own.certificate.read_bytes())
        now = datetime.now(UTC)
        listed = x509.CertificateRevocationListBuilder(own.subject, now, now + timedelta(days=1))
        for pair in revoked:
            serial = x509.load_pem_x509_certificate(pair.certificate.read_bytes()).serial_number
            listed = listed.add_revoked_certificate(x509.RevokedCertificateBuilder(serial, now).build())
        key = load_pem_private_key(self.own.key.read_bytes(), None)
        assert isinstance(key, EllipticCurvePrivateKey)
        into.write_bytes(listed.sign(key, SHA256()).public_bytes(Encoding.PEM))


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(*arguments: object) -> None:
    """Run openssl."""
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def authority(folder: Path, name: str) -> Authority:
    """Return a new authority."""
    own = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    openssl("req", "-x509", *_KEY, "-keyout", own.key, "-out", own.certificate, "-days", 1, "-subj", f"/CN={name}")
    return Authority(folder, own)


@contextmanager
def served(house: House, server: Pair, clients: Authority | None, revoked: Path | None = None) -> Iterator[str]:
    """Serve, and yield the address."""
    changes = {
        "tls_certificate": server.certificate,
        "tls_key": server.key,
        "tls_client_ca": clients.own.certificate if clients is not None else None,
        "tls_client_crl": revoked,
    }
    settings = house.services.settings.model_copy(update=changes)
    config = config_of(house.app, settings, host="127.0.0.1", port=0, tls=context_of(settings))
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        while not running.started:
            assert thread.is_alive()
        yield f"https://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join(20)


def client(address: str, trusted: Authority, shown: Pair | None = None, **headers: str) -> httpx.Client:
    """Return a client that shows a certificate, or none."""
    context = ssl.create_default_context(cafile=str(trusted.own.certificate))
    if shown is not None:
        context.load_cert_chain(shown.certificate, shown.key)
    return httpx.Client(base_url=address, verify=context, headers=headers, trust_env=False)
