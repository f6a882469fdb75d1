"""What is kept of a cluster from one execution to the next: its TLS context, connections, and what it serves.

A transport belongs to credentials, not to a name: the kubeconfig with whatever gives them (a token's file, a plugin)
is read for every connection, and another answer is another transport.
"""

import base64
import copy
import hashlib
import json
import ssl
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

import urllib3
from kubernetes.client import ApiClient, Configuration
from kubernetes.config import ConfigException
from kubernetes.config.kube_config import load_kube_config_from_dict
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from countersign.errors import ConfigurationError
from countersign.private_files import write_private
from countersign.targets.kubernetes.discovery import Discovery
from countersign.targets.kubernetes.kubeconfig import ClusterSettings, usable_document
from countersign.targets.kubernetes.kubeconfig_rules import FILES

KEPT_AT_MOST: Final = 32
IDLE_SECONDS: Final = 20.0
"""A connection that was idle for longer is not used again: load balancers drop idle ones without a word, and a change
sent over one would be a change without an answer."""
FORGOTTEN_SECONDS: Final = 900.0

_kept: "OrderedDict[str, Transport]" = OrderedDict()
_lock = threading.Lock()


class Transport:
    """The way to one cluster as one user. Used by several threads at once."""

    def __init__(self, settings: ClusterSettings, document: Mapping[str, Any], key: str) -> None:
        """Read certificates and keys. Raises ConfigurationError for fields that cannot be used."""
        self.key = key
        self.server: str = document["clusters"][0]["cluster"]["server"]
        self.context: str = document["current-context"]
        self.discovery = Discovery()
        self.used_at = time.monotonic()
        self._client = _client(settings, document)

    def __repr__(self) -> str:
        return f"Transport({self.server!r})"

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: Any,
        timeout: float | tuple[float, float],
    ) -> urllib3.BaseHTTPResponse:
        """Send a request and return its answer with the body unread. `timeout` is seconds, or (connect, read).

        Raises urllib3's HTTPError, the client's ApiException, OSError.
        """
        self.used_at = time.monotonic()
        request = self._client.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params=dict(headers),
            body=body,
            auth_settings=["BearerToken"],
        )
        answer: urllib3.BaseHTTPResponse = self._client.call_api(*request, _request_timeout=timeout).response
        return answer

    def close(self) -> None:
        """Close the connections that nobody uses; the others close when their answers are read."""
        self._client.close()  # type: ignore[no-untyped-call]


def transport_of(settings: ClusterSettings) -> Transport:
    """Return the transport for the credentials that `settings` amount to at this moment; nothing is sent.

    Raises ConfigurationError, TransientTargetError (an exec plugin failed).
    """
    document = usable_document(settings)
    key = _key(settings.name, document)
    with _lock:
        dropped = _old()
        found = _kept.get(key)
        if found is None:
            found = _kept[key] = Transport(settings, document, key)
        _kept.move_to_end(key)
        while len(_kept) > KEPT_AT_MOST:
            dropped.append(_kept.popitem(last=False)[1])
    for transport in dropped:
        transport.close()
    return found


def forget(transport: Transport) -> None:
    """Keep this one no longer: the server does not know its credentials any more."""
    with _lock:
        if _kept.get(transport.key) is transport:
            del _kept[transport.key]


def _old() -> list[Transport]:
    past = time.monotonic() - FORGOTTEN_SECONDS
    return [_kept.pop(key) for key in [key for key, kept in _kept.items() if kept.used_at < past]]


def _key(name: str, document: Mapping[str, Any]) -> str:
    text = json.dumps([name, document], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _client(settings: ClusterSettings, document: Mapping[str, Any]) -> ApiClient:
    """Return the official client for a kubeconfig: it brings authentication, TLS and pooling.

    Its retries are not used: urllib3 silently repeats DELETE, and a lost reply would then look like a 404.
    """
    configuration = Configuration()
    try:
        # TLS reads certificates and keys from files only. They are gone before the first request, so that a process
        # that is killed leaves none behind.
        with tempfile.TemporaryDirectory(prefix="countersign-") as folder:
            load_kube_config_from_dict(  # type: ignore[no-untyped-call]
                _with_own_files(document, Path(folder)), client_configuration=configuration, persist_config=False
            )
            tls = _tls(configuration)
    except ssl.SSLError:
        raise ConfigurationError(
            f"cluster {settings.name!r}: a certificate or key of the kubeconfig cannot be read",
            hint="check client-certificate-data, client-key-data and certificate-authority-data",
        ) from None
    except (ConfigException, OSError, ValueError, TypeError) as error:
        reason = str(error) if isinstance(error, ConfigException | OSError) else "a field has the wrong form"
        raise ConfigurationError(
            f"cluster {settings.name!r}: the kubeconfig cannot be used: {reason}",
            hint="check its users and clusters",
        ) from None
    configuration.retries = False
    configuration.ssl_ca_cert = configuration.cert_file = configuration.key_file = None
    client = ApiClient(configuration)
    pools = client.rest_client.pool_manager
    pools.connection_pool_kw["ssl_context"] = tls
    pools.pool_classes_by_scheme = {"http": _Fresh, "https": _FreshTls}
    return client


class _Fresh(HTTPConnectionPool):
    """A pool whose connections are each closed, and opened anew by the request, once they were idle for too long: the
    one that was given back last is taken first, so those below it may be idle for as long as the process lives.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._idle_since: WeakKeyDictionary[object, float] = WeakKeyDictionary()

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            self._idle_since[conn] = time.monotonic()
        super()._put_conn(conn)

    def _get_conn(self, timeout: float | None = None) -> Any:
        conn = super()._get_conn(timeout)
        since = self._idle_since.pop(conn, None)
        if since is not None and time.monotonic() - since > IDLE_SECONDS:
            conn.close()
        return conn


class _FreshTls(_Fresh, HTTPSConnectionPool):
    """The same, for TLS."""


def _tls(configuration: Configuration) -> ssl.SSLContext:
    """Return TLS as the kubeconfig wants it. Raises OSError for certificates or keys that cannot be read."""
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    # Authorities made for clusters often lack extensions that newer Pythons insist on.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not configuration.verify_ssl:
        # A setting allows it and `countersign doctor` tells of it; a warning for each request tells nothing more.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context


def _with_own_files(document: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the kubeconfig with its certificates and keys in files of `folder`.

    The client would write them itself, but shares each file between all its users with the same content, and one
    connection's end would take another's certificate away.
    """
    owned = copy.deepcopy(dict(document))
    for number, entry in enumerate([owned["clusters"][0]["cluster"], owned["users"][0]["user"]]):
        for name in FILES:
            if data := entry.pop(f"{name}-data", None):
                file = folder / f"{number}-{name}"
                write_private(file, base64.b64decode(data))
                entry[name] = str(file)
    return owned
