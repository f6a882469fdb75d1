"""TLS of the web process's own: its certificate, and the authority whose clients' certificates are believed.

A certificate that is renewed in its files is taken up by the next connection. One that cannot be read then changes
nothing, and is said.
"""

import ssl
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from countersign.errors import ConfigurationError
from countersign.logging import get_logger
from countersign.settings import Settings

_log = get_logger(__name__)


def context_of(settings: Settings) -> ssl.SSLContext | None:
    """Return what connections are encrypted with, None where the settings name no certificate.

    Raises ConfigurationError: one of certificate and key alone, a key that everybody may read, a file that is none,
    revoked certificates of nobody.
    """
    if settings.tls_client_crl is not None and settings.tls_client_ca is None:
        raise ConfigurationError(
            "COUNTERSIGN_TLS_CLIENT_CRL is set, and no authority whose list it would be",
            hint="set COUNTERSIGN_TLS_CLIENT_CA",
        )
    pair = (settings.tls_certificate, settings.tls_key)
    if pair == (None, None):
        if settings.tls_client_ca is not None:
            raise ConfigurationError(
                "COUNTERSIGN_TLS_CLIENT_CA is set, and no certificate of one's own",
                hint="set COUNTERSIGN_TLS_CERTIFICATE and COUNTERSIGN_TLS_KEY",
            )
        return None
    if settings.tls_certificate is None or settings.tls_key is None:
        raise ConfigurationError(
            "of COUNTERSIGN_TLS_CERTIFICATE and COUNTERSIGN_TLS_KEY one is not set", hint="set both, or neither"
        )
    files = _Files(settings.tls_certificate, settings.tls_key, settings.tls_client_ca, settings.tls_client_crl)
    return _Renewing(files).first


@dataclass(frozen=True)
class _Files:
    """Where the process's certificate, its key, and its clients' authorities are."""

    certificate: Path
    key: Path
    client_ca: Path | None
    client_crl: Path | None

    def context(self) -> ssl.SSLContext:
        """Return a context from what is in the files. Raises ConfigurationError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            if stat.S_IMODE(self.key.stat().st_mode) & 0o007:
                raise ConfigurationError(
                    f"everybody may read {self.key}, or write it", hint=f"chmod o-rwx {self.key}"
                )
            # A key that asks for a password would wait for a terminal.
            context.load_cert_chain(self.certificate, self.key, password=lambda: "")
        except (OSError, ssl.SSLError):
            raise _unreadable("COUNTERSIGN_TLS_CERTIFICATE and COUNTERSIGN_TLS_KEY", self.certificate) from None
        if self.client_ca is None:
            return context
        # Not required: people have none, and log in. One that is shown and not good ends the handshake.
        context.verify_mode = ssl.CERT_OPTIONAL
        try:
            context.load_verify_locations(self.client_ca)
        except (OSError, ssl.SSLError):
            raise _unreadable("COUNTERSIGN_TLS_CLIENT_CA", self.client_ca) from None
        if self.client_crl is not None:
            self._look_up_in(self.client_crl, context)
        return context

    @staticmethod
    def _look_up_in(lists: Path, context: ssl.SSLContext) -> None:
        # An authority without a list that is still good then has no good certificate: that ends the handshake, too.
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
        before = context.cert_store_stats()["crl"]
        with suppress(OSError, ssl.SSLError):
            context.load_verify_locations(lists)
        if context.cert_store_stats()["crl"] == before:
            raise ConfigurationError(
                f"COUNTERSIGN_TLS_CLIENT_CRL: {lists} cannot be used",
                hint="PEM: the revocation list of each authority in COUNTERSIGN_TLS_CLIENT_CA",
            )

    def state(self) -> tuple[int, ...]:
        """Return what is another one whenever a file was replaced."""
        found: list[int] = []
        for path in (self.certificate, self.key, self.client_ca, self.client_crl):
            if path is not None:
                try:
                    at = path.stat()
                except OSError:
                    return ()
                found += [at.st_mtime_ns, at.st_ino]
        return tuple(found)


class _Renewing:
    """The context that the server has, and the one that its connections get: that of the files as they are."""

    def __init__(self, files: _Files) -> None:
        """Raises ConfigurationError."""
        self._files, self._state = files, files.state()
        self._current = self.first = files.context()
        # Called for every handshake, whether or not the client names a server.
        self.first.sni_callback = self._at_handshake

    def _at_handshake(self, connection: ssl.SSLObject, _name: str | None, _first: ssl.SSLContext) -> None:
        state = self._files.state()
        if state != self._state:
            # One that cannot be used is tried again once the files change again: not at every handshake.
            self._state = state
            try:
                self._current = self._files.context()
            except ConfigurationError as error:
                _log.warning("the renewed TLS certificate is not taken up", error=error.message)
        if self._current is not self.first:
            connection.context = self._current


def _unreadable(setting: str, path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{setting}: {path} cannot be used",
        hint="PEM: the certificate with its chain, and its own key without a password",
    )
