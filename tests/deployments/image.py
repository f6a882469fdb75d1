"""Building the image without a registry: buildah with chroot isolation, on a base that debootstrap makes.

The base stands for the public one of the same Debian: python3 with venv, certificates, nothing else.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

PROJECT = Path(__file__).parents[2]
SUITE: Final = "bookworm"
PACKAGES: Final = "python3,python3-venv,ca-certificates"
IMAGE: Final = "localhost/countersign:test"
_BASE: Final = "localhost/countersign-base:test"
_CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")


def reason_not_to() -> str | None:
    """Return why no image can be built here, None if it can."""
    if os.geteuid() != 0:
        return "buildah's chroot isolation and debootstrap need root"
    missing = [name for name in ("buildah", "debootstrap", "tar") if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


class Images:
    """A store of images of its own in `folder`; the base's files are kept in `cache` for the next time."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self._folder = folder
        self._cache = cache

    def build(self) -> None:
        """Build IMAGE from the Containerfile."""
        self._make_base()
        # Where the machine trusts an authority of its own, pip has to as well.
        trusted = ["--volume", f"{_CERTIFICATES}:{_CERTIFICATES}:ro"] if _CERTIFICATES.exists() else []
        self.buildah(
            "build",
            "--isolation=chroot",
            *trusted,
            f"--build-arg=PYTHON_IMAGE={_BASE}",
            f"--ignorefile={PROJECT / 'deployments' / 'Containerfile.dockerignore'}",
            f"--file={PROJECT / 'deployments' / 'Containerfile'}",
            f"--tag={IMAGE}",
            str(PROJECT),
        )

    def run(self, container: str, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program in a container, as its user."""
        return self.buildah("run", "--isolation=chroot", container, "--", *argv, check=check)

    def container(self) -> str:
        """Return a new container of IMAGE."""
        return self.buildah("from", "--pull-never", IMAGE).stdout.strip()

    def buildah(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run buildah on this store. What it says is shown where it fails."""
        store = ["--storage-driver=vfs", f"--root={self._folder / 'root'}", f"--runroot={self._folder / 'run'}"]
        return _run(["buildah", *store, *argv], check=check)

    def _make_base(self) -> None:
        archive = self._cache / f"{SUITE}.tar"
        if not archive.exists():
            self._cache.mkdir(parents=True, exist_ok=True)
            tree = self._folder / "base"
            _run(["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(tree)])
            part = archive.with_suffix(".part")
            _run(
                [
                    "tar",
                    "--one-file-system",
                    "--exclude=./proc/*",
                    "--exclude=./sys/*",
                    "-C",
                    str(tree),
                    "-cf",
                    str(part),
                    ".",
                ]
            )
            part.rename(archive)
        container = self.buildah("from", "scratch").stdout.strip()
        self.buildah("add", container, str(archive), "/")
        self.buildah("config", "--env=PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", container)
        self.buildah("commit", "--rm", container, _BASE)


def _run(argv: Sequence[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"{' '.join(argv[:8])} …\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done
