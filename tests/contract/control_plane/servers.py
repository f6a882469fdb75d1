"""Starts one control plane in a folder: what each of its processes is given.

Every process listens on loopback or not at all. The folder holds the state, the logs, the pids and the kubeconfig.
"""

import secrets
import socket
import sys
from base64 import b64encode
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from urllib3.exceptions import HTTPError

from tests.contract.api import Api
from tests.contract.control_plane.processes import CannotStartError, any_started, spawn, stop, wait

LOOPBACK = "127.0.0.1"
CONTEXT = "contract"
KUBECONFIG = "kubeconfig"


def start(program: Path, folder: Path, nodes: Sequence[str]) -> Path:
    """Start a control plane with its state in `folder`, and return its kubeconfig once every node is ready.

    Raises:
        CannotStartError: one is there already, or a process ended or did not answer in time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    if any_started(folder):
        raise CannotStartError(f"{folder} has a control plane already: stop it first, or take another folder.")
    try:
        _start(program, folder, nodes)
    except BaseException:
        stop(folder)
        raise
    return folder / KUBECONFIG


def _start(program: Path, folder: Path, nodes: Sequence[str]) -> None:
    client, peer, secure = free_ports(3)
    etcd, server = f"http://{LOOPBACK}:{client}", f"https://{LOOPBACK}:{secure}"
    token = secrets.token_urlsafe(24)
    write_private(folder / "tokens.csv", f'{token},admin,admin,"system:masters"\n')
    write_private(folder / "sa.key", new_key())

    spawn(folder, "etcd", [str(program), "etcd", *etcd_flags(folder, etcd, f"http://{LOOPBACK}:{peer}")])
    spawn(folder, "kube-apiserver", [str(program), "kube-apiserver", *apiserver_flags(folder, etcd, secure)])
    certificate = folder / "certs" / "apiserver.crt"
    wait(folder, "kube-apiserver", lambda: certificate.exists() and b"-----END" in certificate.read_bytes())
    text = kubeconfig(server, certificate.read_bytes(), token)
    write_private(folder / KUBECONFIG, text)
    with Api(text, CONTEXT) as api:
        wait(folder, "kube-apiserver", lambda: is_ready(api))
        _start_clients(program, folder, nodes)
        wait(folder, "kubelet", lambda: all(takes_pods(api, node) for node in nodes))


def _start_clients(program: Path, folder: Path, nodes: Sequence[str]) -> None:
    certificate = folder / "certs" / "apiserver.crt"
    given = ["--kubeconfig", str(folder / KUBECONFIG), "--leader-elect=false", "--secure-port=0"]
    manager = [str(program), "kube-controller-manager", *given, *manager_flags(folder, certificate)]
    spawn(folder, "kube-controller-manager", manager)
    spawn(folder, "kube-scheduler", [str(program), "kube-scheduler", *given])
    kubelet = [sys.executable, "-m", "tests.contract.control_plane.kubelet", str(folder / KUBECONFIG), *nodes]
    spawn(folder, "kubelet", kubelet)


def etcd_flags(folder: Path, client: str, peer: str) -> list[str]:
    """Return the flags of an etcd of one member, whose data may be lost with the machine."""
    return [
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def apiserver_flags(folder: Path, etcd: str, port: int) -> list[str]:
    """Return the flags of an API server with RBAC, its default admission, and tokens from a file."""
    return [
        f"--etcd-servers={etcd}",
        f"--bind-address={LOOPBACK}",
        f"--advertise-address={LOOPBACK}",
        f"--secure-port={port}",
        f"--cert-dir={folder / 'certs'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://contract.invalid",
        f"--service-account-signing-key-file={folder / 'sa.key'}",
        f"--service-account-key-file={folder / 'sa.key'}",
        "--service-cluster-ip-range=10.0.0.0/24",
        # Endpoints may not name a loopback address.
        "--endpoint-reconciler-type=none",
    ]


def manager_flags(folder: Path, certificate: Path) -> list[str]:
    """Return the flags of a controller manager that runs every controller."""
    return [
        f"--service-account-private-key-file={folder / 'sa.key'}",
        f"--root-ca-file={certificate}",
        # The stand-in kubelet shares two busy cores with everything else; nodes are not to be lost over that.
        "--node-monitor-grace-period=10m",
    ]


def kubeconfig(server: str, certificate: bytes, token: str) -> str:
    """Return a kubeconfig of one context, which trusts the API server's own certificate (PEM)."""
    cluster = {"server": server, "certificate-authority-data": b64encode(certificate).decode()}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": "admin", "namespace": "default"}}],
        "current-context": CONTEXT,
    }
    return yaml.safe_dump(document, sort_keys=False)


def is_ready(api: Api) -> bool:
    """Does the API server say that it is ready?"""
    try:
        return bool(api.get("/readyz").body == "ok")
    except HTTPError:
        return False


def takes_pods(api: Api, node: str) -> bool:
    """Is the node registered, and free of the taint that every node has until it is ready?"""
    answer = api.get(f"/api/v1/nodes/{node}")
    return answer.status == 200 and not answer.body["spec"].get("taints")


def new_key() -> str:
    """Return a new RSA key, as PEM, for the tokens of service accounts."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form, encoding = serialization.PrivateFormat.TraditionalOpenSSL, serialization.Encoding.PEM
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def write_private(file: Path, text: str) -> None:
    """Write a file that holds a token, readable for its owner only."""
    file.touch(mode=0o600)
    file.write_text(text)


def free_ports(number: int) -> list[int]:
    """Return different ports of the loopback interface that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]
