"""The oldest Kubernetes that is supported, said in a sentence."""

from typing import Any

import pytest

from countersign.errors import ConfigurationError
from countersign.targets.kubernetes.supported import require_supported


@pytest.mark.parametrize("version", ["v1.20.15", "v1.33.1-eks-1234", "v1.29.6+k3s1", "1.20.0", "v2.0.0", "nightly"])
def test_a_version_from_the_oldest_on_is_taken(version: str) -> None:
    assert require_supported("prod", "h:6443", {"gitVersion": version}) == version


@pytest.mark.parametrize("version", ["v1.19.16", "v1.9.0", "v0.21.4"])
def test_an_older_one_is_refused_by_name(version: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"'prod': h:6443 runs Kubernetes {version}.* is 1\.20"):
        require_supported("prod", "h:6443", {"gitVersion": version})


@pytest.mark.parametrize("answer", [None, [], "v1.30", {}, {"gitVersion": None}, {"message": "no Route matched"}])
def test_what_is_no_api_server_is_called_that(answer: Any) -> None:
    with pytest.raises(ConfigurationError, match="is not a Kubernetes API server"):
        require_supported("prod", "h:6443", answer)
