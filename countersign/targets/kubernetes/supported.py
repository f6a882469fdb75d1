"""The oldest Kubernetes that is supported, and what an API server says of itself."""

import re
from collections.abc import Mapping
from typing import Any, Final

from countersign.errors import ConfigurationError

MINIMUM: Final = (1, 20)
"""The oldest version on which every operation was compared with kubectl's (docs/targets-kubernetes.md)."""


def require_supported(cluster: str, host: str, answer: Any) -> str:
    """Return the version in `answer`, which is what /version answered. Raises ConfigurationError."""
    if not isinstance(answer, Mapping) or not isinstance(answer.get("gitVersion"), str):
        raise ConfigurationError(
            f"cluster {cluster!r}: what answers at {host} is not a Kubernetes API server",
            hint="check the server's address; a gateway in front of it may have answered",
        )
    version = str(answer["gitVersion"])
    numbers = re.match(r"v?(\d+)\.(\d+)", version)
    if numbers is not None and (int(numbers[1]), int(numbers[2])) < MINIMUM:
        raise ConfigurationError(
            f"cluster {cluster!r}: {host} runs Kubernetes {version}, and the oldest that is supported is "
            f"{MINIMUM[0]}.{MINIMUM[1]}",
            hint="upgrade the cluster first",
        )
    return version
