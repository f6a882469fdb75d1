"""A client of the HTTP API, for programs in Python; the command line uses it where it has no database to go to.

    with Client("https://countersign.example.com", SecretStr(token)) as countersign:
        filed = countersign.file("kubectl rollout restart deployment/api -n prod", description="it hangs")
        ended = countersign.wait(filed["approval"]["id"], seconds=600)

What the API answers is returned as it is: docs/api.md and /v1/openapi.json describe it.
"""

from countersign.client.api_client import Client
from countersign.client.signing import Signing, sign

__all__ = ["Client", "Signing", "sign"]
