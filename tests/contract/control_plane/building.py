"""Builds the control plane's program from this folder's Go module, once for each state of the module.

Everything is fetched and checked by go itself (go.sum). The program goes into a cache outside the checkout, so that
neither `make clean` nor a second checkout costs the minutes again.
"""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

MODULE = Path(__file__).parent
CACHE_VARIABLE = "CONTROL_PLANE_CACHE"
SOURCES = ("go.mod", "go.sum", "main.go")

# hack/lib/version.sh of Kubernetes sets the same variables; without them a server calls itself v0.0.0.
VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


class CannotBuildError(Exception):
    """The control plane could not be built; the message is for a person."""


def cache_folder() -> Path:
    """Return where programs are kept: CONTROL_PLANE_CACHE, or a folder in the user's cache."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "countersign" / "control-plane"


def kubernetes_version(go_mod: str) -> str:
    """Return the version of Kubernetes that a go.mod requires, as `v1.36.3`."""
    found = re.search(r"^\s*k8s\.io/kubernetes (v\d+\.\d+\.\d+)$", go_mod, re.MULTILINE)
    if not found:
        raise CannotBuildError("go.mod does not require k8s.io/kubernetes.")
    return found.group(1)


def linker_flags(version: str) -> str:
    """Return the -ldflags that make a server call itself `version`."""
    major, minor, _ = version.removeprefix("v").split(".")
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    told = [f"-X {package}.{name}={value}" for package in VERSION_PACKAGES for name, value in values.items()]
    return " ".join(["-s", "-w", *told])


def program_path() -> Path:
    """Return where the program of the module's present state is, or will be."""
    digest = hashlib.sha256()
    for name in SOURCES:
        digest.update((MODULE / name).read_bytes())
    version = kubernetes_version((MODULE / "go.mod").read_text())
    return cache_folder() / f"{version}-{digest.hexdigest()[:12]}"


def build() -> Path:
    """Return the program, building it if it is not there yet.

    Raises:
        CannotBuildError: Go is missing, or its build failed; what it said is on stderr.
    """
    program = program_path()
    if program.exists():
        return program
    go = shutil.which("go")
    if go is None:
        raise CannotBuildError("go is not installed; go.mod says which version is needed.")
    program.parent.mkdir(parents=True, exist_ok=True)
    # Linked beside its place and then renamed: a build that was interrupted leaves no program.
    unfinished = program.with_name(f"{program.name}.{os.getpid()}")
    version = kubernetes_version((MODULE / "go.mod").read_text())
    command = [go, "build", "-p", os.environ.get("JOBS", "2"), "-trimpath", "-buildvcs=false", "-modcacherw"]
    command += ["-ldflags", linker_flags(version), "-o", str(unfinished), "."]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"}
    try:
        done = subprocess.run(["nice", "-n", "10", *command], cwd=MODULE, env=environment, check=False)
        if done.returncode:
            raise CannotBuildError(f"go build ended with {done.returncode}.")
        unfinished.rename(program)
    finally:
        unfinished.unlink(missing_ok=True)
    return program
