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


def test_it_runs_as_nobody_in_particular_and_writes_in_one_folder(built: tuple[Images, str]) -> None:
    images, container = built
    script = (
        "import os, pathlib\n"
        "print(os.getuid(), os.getgid())\n"
        "for folder in ('/app', '/app/flows', '/opt/countersign', '/etc', '/var/lib/countersign', '/tmp'):\n"
        "    print(folder, os.access(folder, os.W_OK))\n"
    )
    assert images.run(container, "python", "-c", script).stdout.splitlines() == [
        "10001 10001",
        "/app False",
        "/app/flows False",
        "/opt/countersign False",
        "/etc False",
        "/var/lib/countersign True",
        "/tmp True",
    ]


def test_it_has_what_runs_and_nothing_of_the_tests(built: tuple[Images, str]) -> None:
    images, container = built
    script = (
        "import importlib.util as u; print([n for n in ('pytest', 'mypy', 'hatchling', 'pip') if u.find_spec(n)])"
    )
    assert images.run(container, "python", "-c", script).stdout.strip() == "[]"
    assert (
        "usage: python -m countersign.worker"
        in images.run(container, "python", "-m", "countersign.worker", "--help").stdout
    )


def test_an_action_is_executed_from_inside_it(built: tuple[Images, str]) -> None:
    """The demo: PostgreSQL, Valkey, Prefect, the deployments of /app and a worker, all as the image's user."""
    images, container = built
    done = images.run(container, "countersign", "demo", "--once", check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
