"""The units are what systemd understands, and start programs that exist."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from countersign.settings import Settings

PROJECT = Path(__file__).parents[2]
UNITS = PROJECT / "deployments" / "systemd"
INSTALLED = "/opt/countersign"
SERVICES = sorted(UNITS.glob("*.service"))
HARDENED = {
    "User=countersign",
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "CapabilityBoundingSet=",
    "RestrictNamespaces=yes",
    "SystemCallFilter=@system-service",
}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_has_nothing_to_say_against_them(tmp_path: Path) -> None:
    # The checkout is what is installed there, by a path without blanks, so that its programs are found.
    installed = tmp_path / "installed"
    installed.symlink_to(PROJECT)
    for unit in UNITS.glob("countersign*"):
        (tmp_path / unit.name).write_text(unit.read_text().replace(INSTALLED, str(installed)))
    instances = [str(tmp_path / unit.name.replace("@.", "@a.")) for unit in tmp_path.glob("countersign*")]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *sorted(instances)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        # The machine's own units are not the question.
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if "countersign" in line]
    assert (done.returncode, said) == (0, [])


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_the_programs_that_a_service_starts_are_there(unit: Path) -> None:
    starts = [line.split() for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    assert starts
    for wrapper, program, *_ in starts:
        for path in (wrapper.partition("=")[2], program):
            assert Path(path.replace(INSTALLED, str(PROJECT))).exists(), path


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_every_service_is_hardened_and_has_its_secrets_by_credential(unit: Path) -> None:
    lines = set(unit.read_text().splitlines())
    assert lines >= HARDENED
    credentials = {line.partition("=")[2].partition(":")[0] for line in lines if line.startswith("LoadCredential=")}
    assert credentials
    known = {f"COUNTERSIGN_{field.upper()}" for field in Settings.model_fields}
    named = {*credentials, *re.findall(r"(\w+)=", " ".join(one for one in lines if one.startswith("Environment=")))}
    assert {name for name in named if name.startswith("COUNTERSIGN_")} <= known
    assert not {name for name in named - credentials if re.search("PASSWORD|AUTH|DATABASE|SECRET", name)}


def test_credentials_become_the_environment_and_no_argument(tmp_path: Path) -> None:
    (tmp_path / "COUNTERSIGN_DATABASE_URL").write_text("postgresql://u:hunter2 $x@h/d\n")
    done = subprocess.run(
        [str(UNITS / "with-credentials"), "printenv", "COUNTERSIGN_DATABASE_URL"],
        env={"PATH": os.defpath, "CREDENTIALS_DIRECTORY": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "postgresql://u:hunter2 $x@h/d\n"
    without = subprocess.run([str(UNITS / "with-credentials"), "true"], env={}, capture_output=True, check=False)
    assert without.returncode != 0
