"""Credentials from an exec plugin (`aws eks get-token` and its like), run once for the client and for kubectl.

The plugin is started here and its answer put into the kubeconfig, so that an action and an investigation act with
the same credentials, got in the same environment. The protocol is client-go's
(plugin/pkg/client/auth/exec/exec.go): the plugin prints an ExecCredential with a token or a client certificate.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from countersign.canonical import sha256_of
from countersign.errors import ConfigurationError, TransientTargetError

LIMIT_SECONDS: Final = 30.0
KEPT_SECONDS: Final = 60.0
"""An answer is used again for so long: one execution opens the cluster several times."""
_PASSED_ON: Final = frozenset(
    {"PATH", "HOME", "USER", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
     "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy"}
)  # fmt: skip
_CLOUDS: Final = ("AWS_", "AZURE_", "AAD_", "GOOGLE_", "CLOUDSDK_", "OCI_", "DIGITALOCEAN_", "USE_GKE_")
"""How the variables begin by which the clouds' tools find their own credentials."""
_LOADERS: Final = ("PATH", "LD_", "PYTHON", "NODE_OPTIONS", "BASH_ENV", "ENV", "SHELLOPTS")
"""Variables that make a program load other code; a kubeconfig may not set them."""
_VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


@dataclass(frozen=True)
class _Kept:
    credentials: Mapping[str, str] = field(repr=False)
    until: float
    """time.monotonic()"""


_kept: dict[str, _Kept] = {}
_lock = threading.Lock()


def plugin_environment(given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a plugin, from `given` (os.environ). Countersign's own secrets are not in it."""
    return {name: value for name, value in given.items() if name in _PASSED_ON or name.startswith(_CLOUDS)}


def credentials_of(of: str, plugin: Mapping[str, Any], cluster: Mapping[str, Any]) -> Mapping[str, str]:
    """Return a kubeconfig user's fields that the plugin gives: token, or client certificate and key.

    `of` is the cluster's name, `cluster` the kubeconfig's entry. The command must have been allowed before. Raises
    ConfigurationError (it is not there, or does not speak the protocol), TransientTargetError (it failed).
    """
    key = _key(plugin, cluster)
    with _lock:
        _forget_old()
        if key in _kept:
            return _kept[key].credentials
    status = _run(of, plugin, cluster)
    credentials = _fields(of, plugin, status)
    with _lock:
        _kept[key] = _Kept(credentials, time.monotonic() + _seconds_good(status))
    return credentials


def forget_answer(plugin: Mapping[str, Any], cluster: Mapping[str, Any]) -> None:
    """Use the plugin's answer no longer: the server did not take it."""
    with _lock:
        _kept.pop(_key(plugin, cluster), None)


def _key(plugin: Mapping[str, Any], cluster: Mapping[str, Any]) -> str:
    return sha256_of({"plugin": plugin, "server": cluster.get("server")})


def _forget_old() -> None:
    now = time.monotonic()
    for key in [key for key, kept in _kept.items() if kept.until <= now]:
        del _kept[key]


def _seconds_good(status: Mapping[str, Any]) -> float:
    """Return for how long the answer may be used again: never to its very end."""
    expires = status.get("expirationTimestamp")
    if not isinstance(expires, str):
        return KEPT_SECONDS
    try:
        left = (datetime.fromisoformat(expires) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return 0.0
    return min(KEPT_SECONDS, max(0.0, left - KEPT_SECONDS))


def _run(of: str, plugin: Mapping[str, Any], cluster: Mapping[str, Any]) -> Mapping[str, Any]:
    command, version = str(plugin["command"]), plugin.get("apiVersion")
    if version not in _VERSIONS:
        raise ConfigurationError(
            f"cluster {of!r}: the exec plugin's apiVersion {version!r} is not known",
            hint=f"known: {', '.join(_VERSIONS)}; make the kubeconfig anew with the cloud's current tool",
        )
    if plugin.get("interactiveMode") == "Always":
        raise ConfigurationError(
            f"cluster {of!r}: the exec plugin {command!r} needs a person at a terminal",
            hint="use credentials of a service account",
        )
    environment = plugin_environment(os.environ) | _own_variables(of, plugin)
    spec: dict[str, Any] = {"interactive": False}
    if plugin.get("provideClusterInfo"):
        spec["cluster"] = dict(cluster)
    environment["KUBERNETES_EXEC_INFO"] = json.dumps({"apiVersion": version, "kind": "ExecCredential", "spec": spec})
    program = shutil.which(command, path=os.environ.get("PATH"))
    if program is None or (os.sep in command and not Path(command).is_absolute()):
        raise ConfigurationError(
            f"cluster {of!r}: the exec plugin {command!r} is not installed here",
            hint=str(plugin.get("installHint") or "install it where the worker runs")[:300],
        )
    code, printed = _ended(of, command, [program, *map(str, plugin.get("args") or ())], environment)
    if code != 0:
        # What it printed may hold credentials.
        raise TransientTargetError(
            f"cluster {of!r}: the exec plugin {command!r} ended with exit code {code}",
            hint="run it by hand, as the worker's user",
        )
    return _status(of, command, version, printed)


def _ended(of: str, command: str, argv: list[str], environment: Mapping[str, str]) -> tuple[int, bytes]:
    """Run the program to its end and return its exit code and what it printed."""
    try:
        process = subprocess.Popen(
            argv,
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # its own process group: what it started ends with it
        )
    except OSError as error:
        raise ConfigurationError(
            f"cluster {of!r}: the exec plugin {command!r} cannot be started ({type(error).__name__})",
            hint="look at the program where the worker runs",
        ) from None
    try:
        printed, _ = process.communicate(timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise TransientTargetError(
            f"cluster {of!r}: the exec plugin {command!r} did not answer within {LIMIT_SECONDS:g} s"
        ) from None
    return process.returncode, printed


def _own_variables(of: str, plugin: Mapping[str, Any]) -> dict[str, str]:
    own: dict[str, str] = {}
    for entry in plugin.get("env") or ():
        name = str(entry.get("name", ""))
        if name.startswith(_LOADERS):
            raise ConfigurationError(
                f"cluster {of!r}: the exec plugin's env sets {name}, which is refused: it can load other code",
                hint="set it where the worker is started",
            )
        own[name] = str(entry.get("value", ""))
    return own


def _status(of: str, command: str, version: str, printed: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(printed)
        fine = answer["kind"] == "ExecCredential" and answer["apiVersion"] == version
        status = answer["status"] if fine else None
    except (ValueError, KeyError, TypeError):
        status = None
    if not isinstance(status, dict):
        raise ConfigurationError(
            f"cluster {of!r}: the exec plugin {command!r} did not print an ExecCredential of {version}",
            hint="its version and the kubeconfig's apiVersion have to fit; make the kubeconfig anew",
        )
    return status


def _fields(of: str, plugin: Mapping[str, Any], status: Mapping[str, Any]) -> Mapping[str, str]:
    token, certificate, key = (status.get(name) for name in ("token", "clientCertificateData", "clientKeyData"))
    fields = {"token": token} if isinstance(token, str) and token else {}
    if isinstance(certificate, str) and isinstance(key, str) and certificate and key:
        fields["client-certificate-data"] = b64encode(certificate.encode()).decode()
        fields["client-key-data"] = b64encode(key.encode()).decode()
    if not fields:
        raise ConfigurationError(
            f"cluster {of!r}: the exec plugin {plugin['command']!r} gave neither a token nor a certificate and key",
            hint="run it by hand, as the worker's user",
        )
    return fields
