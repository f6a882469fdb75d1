"""The secrets of the HMAC keys that the policy names: a file in the trust folder, one line for each key's id.

    release-bot-2026: "at least 16 bytes"

Whoever has such a secret can sign with the key, so it is neither in the database nor in Prefect.
"""

from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from countersign.errors import ConfigurationError
from countersign.policy.keys import secret_bytes
from countersign.policy.yaml_text import read_yaml
from countersign.secret_files import read_secret_file

FILE = "signing-secrets"


def signing_secrets(trust_dir: Path | None) -> Mapping[str, SecretStr]:
    """Return the secrets by key id; none where there is no file.

    Raises ConfigurationError: one that others may read, a mistake in it, a secret that is too short.
    """
    if trust_dir is None or not (trust_dir / FILE).exists():
        return {}
    try:
        document = read_yaml(read_secret_file(trust_dir, FILE).decode("utf-8"), source=FILE)
    except UnicodeDecodeError:
        raise ConfigurationError(f"{FILE} is not UTF-8 text", hint="save it as UTF-8") from None
    if not isinstance(document.value, dict):
        raise ConfigurationError(f"{FILE} is not a mapping", hint='write one line for each key: name: "secret"')
    for key_id, secret in document.value.items():
        if not isinstance(secret, str):
            raise ConfigurationError(
                f"{FILE}, line {document.line_of((key_id,))}: the secret of {key_id!r} is not text",
                hint="put it in quotes",
            )
        secret_bytes(SecretStr(secret), key_id=key_id)
    return {key_id: SecretStr(secret) for key_id, secret in document.value.items()}
