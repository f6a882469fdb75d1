"""The image is built, and what it holds works as the user that it names."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployments.image import Images, reason_not_to

pytestmark = [pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Images, str]]:
    if not request.config.getoption("--image", default=False):
        pytest.skip("takes minutes: make image-test")
    if (reason := reason_not_to()) is not None:
        pytest.skip(reason)
    images = Images(tmp_path_factory.mktemp("images"), Path.home() / ".cache" / "countersign-image")
    images.build()
    container = images.container()
    try:
        yield images, container
    finally:
        images.buildah("rm", "--all")
        images.buildah("rmi", "--all", "--force")


# What a script finds is told by how it ends: buildah now and then loses what a short one prints.
_PLACES = """
import os, pwd
assert (os.getuid(), os.getgid()) == (10001, 10001)
assert pwd.getpwuid(10001).pw_name == "countersign"
for folder in ("/app", "/app/flows", "/opt/countersign", "/etc", "/usr/local"):
    assert not os.access(folder, os.W_OK), folder
for folder in ("/var/lib/countersign", "/tmp"):
    assert os.access(folder, os.W_OK), folder
"""
_CONTENT = """
from importlib.util import find_spec
assert not [name for name in ("pytest", "mypy", "hatchling", "hadolint", "pip") if find_spec(name)]
assert find_spec("sandbox") is None
assert all(find_spec(name) for name in ("countersign.worker", "flows.reconcile", "blocks", "prefect"))
"""


@pytest.mark.parametrize("script", [_PLACES, _CONTENT], ids=["writes-in-two-folders", "has-what-runs"])
def test_it_is_as_its_file_says(built: tuple[Images, str], script: str) -> None:
    images, container = built
    images.run(container, "python", "-c", script)


_UP = """
export COUNTERSIGN_STATE_DIR=/var/lib/countersign/up
countersign up > /tmp/up.log 2>&1 & up=$!
for _ in $(seq 120); do grep -q 'Stop with' /tmp/up.log && break; sleep 1; done
countersign status && kill -INT $up && wait $up
"""


def test_everything_starts_from_inside_it(built: tuple[Images, str]) -> None:
    """PostgreSQL, Valkey, Prefect, the deployments of /app and a worker, all as the image's user."""
    images, container = built
    done = images.run(container, "sh", "-ec", _UP, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
