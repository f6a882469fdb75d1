"""Whose credentials a kubeconfig holds, as far as that can be told."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from countersign.errors import TargetError
from countersign.targets.kubernetes.connection import Connection

GROUP = "authentication.k8s.io"


def account_of(connection: Connection, user: Mapping[str, Any]) -> str | None:
    """Return the account's name: as the server knows it, else as the credentials say it, None if neither does.

    `user` is the kubeconfig's entry with the credentials themselves. Servers tell since 1.27 (SelfSubjectReview).
    """
    return _by_the_server(connection) or _by_the_credentials(user)


def _by_the_server(connection: Connection) -> str | None:
    try:
        version = next((each for each in connection.versions(GROUP) if each in ("v1", "v1beta1")), None)
        if version is None:
            return None
        answer = connection.who(version)
    except TargetError:
        return None
    found = answer.get("status", {}).get("userInfo", {}).get("username") if isinstance(answer, Mapping) else None
    return found if isinstance(found, str) else None


def _by_the_credentials(user: Mapping[str, Any]) -> str | None:
    try:
        if data := user.get("client-certificate-data"):
            subject = x509.load_pem_x509_certificate(base64.b64decode(data)).subject
            return str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        if token := user.get("token"):
            payload = str(token).split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
            return claims["sub"] if isinstance(claims["sub"], str) else None
    except (ValueError, LookupError, TypeError, binascii.Error):
        return None
    return None
