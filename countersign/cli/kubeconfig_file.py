"""A kubeconfig file as the text that a block keeps: one context alone, with the files that it names inside."""

import base64
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import SecretStr

from countersign.errors import InvalidInput
from countersign.targets.kubernetes.kubeconfig import ClusterSettings, context_entry, kubeconfig_document
from countersign.targets.kubernetes.kubeconfig_rules import FILES

LARGEST_BYTES: Final = 1_000_000
_HINT: Final = "`kubectl create token NAME -n NAMESPACE` prints one; - is standard input"


def read_file(path: str) -> str:
    """Return the text of the file, of standard input for "-". Raises InvalidInput."""
    try:
        text = sys.stdin.read(LARGEST_BYTES + 1) if path == "-" else _text(Path(path).expanduser())
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"--kubeconfig: {path} cannot be read ({type(error).__name__})",
            hint="name a kubeconfig file, or - for standard input",
        ) from None
    if len(text) > LARGEST_BYTES:
        raise InvalidInput(f"--kubeconfig: {path} is larger than a kubeconfig", hint="kubectl config view --flatten")
    return text


def _text(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.read(LARGEST_BYTES + 1)


def read_token(path: str) -> SecretStr:
    """Return the token in the file, in standard input for "-". Raises InvalidInput."""
    try:
        text = sys.stdin.read(LARGEST_BYTES + 1) if path == "-" else _text(Path(path).expanduser())
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"--token: {path} cannot be read ({type(error).__name__})", hint=_HINT) from None
    token = text.strip()
    if not token or len(token) > LARGEST_BYTES or any(character.isspace() for character in token):
        raise InvalidInput(f"--token: what {path} holds is no token", hint=_HINT)
    return SecretStr(token)


def with_token(settings: ClusterSettings, token: SecretStr) -> ClusterSettings:
    """Return the settings with `token` in place of whatever credentials the chosen context has.

    Those are neither saved nor used, so that they may be ones that a setting would have to allow. Raises
    ConfigurationError where the kubeconfig has no such context.
    """
    wanted = context_entry(settings)
    assert settings.kubeconfig is not None
    document = yaml.safe_load(settings.kubeconfig.get_secret_value())
    named = settings.context or document["current-context"]
    cluster = next(
        (each for each in document.get("clusters") or () if each.get("name") == wanted.get("cluster")), None
    )
    alone = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [cluster] if cluster else [],
        "users": [{"name": "token", "user": {"token": token.get_secret_value()}}],
        "contexts": [{"name": named, "context": {**wanted, "user": "token"}}],
        "current-context": named,
    }
    return replace(settings, kubeconfig=SecretStr(yaml.safe_dump(alone, sort_keys=False)))


def only_context(settings: ClusterSettings, *, folder: Path) -> str:
    """Return the kubeconfig of `settings` with nothing in it but the chosen context, and its files inside.

    Credentials of other clusters are not the block's business. File names are relative to `folder`, as for kubectl.
    Raises ConfigurationError (countersign.targets.kubernetes.kubeconfig), InvalidInput naming the file.
    """
    document = kubeconfig_document(settings)
    for entry in (document["clusters"][0]["cluster"], document["users"][0]["user"]):
        for name in FILES:
            if file := entry.pop(name, None):
                # client-go: data wins over a file.
                entry.setdefault(f"{name}-data", _encoded(folder / str(file), name))
    return yaml.safe_dump(document, sort_keys=False)


def _encoded(file: Path, name: str) -> str:
    try:
        return base64.b64encode(file.read_bytes()).decode()
    except OSError as error:
        raise InvalidInput(
            f"--kubeconfig: its {name} {file} cannot be read ({type(error).__name__})",
            hint="`kubectl config view --flatten` writes a kubeconfig that has everything inside",
        ) from None


def namespace_of_context(settings: ClusterSettings) -> str:
    """Return the namespace that the chosen context names, "default" if it names none. Raises ConfigurationError."""
    entry: Mapping[str, Any] = context_entry(settings)
    return str(entry.get("namespace") or "default")
