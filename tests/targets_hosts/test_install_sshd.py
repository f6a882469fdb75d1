"""Setting the tests up with real servers: never in the way, and never a server that somebody else can reach."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "install-sshd"
# Installing puts sshd there, as the package does, and writes down whether a service might have been started.
APT = """\
#!/bin/sh
echo "$@" >> "$ROOT/apt"
case "$*" in
  *--no-download*) "$ROOT/usr/sbin/policy-rc.d" ssh start; echo $? > "$ROOT/policy"
    mkdir -p "$ROOT/usr/sbin"; touch "$ROOT/usr/sbin/sshd"; chmod +x "$ROOT/usr/sbin/sshd" ;;
esac
"""


class Machine:
    """A machine as far as the script sees it: `programs` stand before those of this one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sshd = root / "usr" / "sbin" / "sshd"
        self.policy = root / "usr" / "sbin" / "policy-rc.d"
        self.bin = root / "programs"
        self.bin.mkdir()
        self.write(self.bin / "id", "#!/bin/sh\necho 0\n")
        self.write(self.bin / "systemctl", '#!/bin/sh\necho "$@" >> "$ROOT/systemctl"\n')

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def told(self, name: str) -> list[str]:
        file = self.root / name
        return file.read_text().splitlines() if file.exists() else []

    def set_up(self, script: Path = SCRIPT) -> str:
        environment = {"PATH": f"{self.bin}:{os.environ['PATH']}", "ROOT": str(self.root), "APT_SECONDS": "1"}
        done = subprocess.run([script, self.root], env=environment, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return done.stdout


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_server_that_is_there_is_left_alone(machine: Machine) -> None:
    machine.write(machine.bin / "apt-get", APT)
    machine.write(machine.sshd, "")
    assert (machine.set_up(), machine.told("apt")) == ("", [])


def test_apt_installs_it_and_nothing_is_started(machine: Machine) -> None:
    machine.write(machine.bin / "apt-get", APT)
    assert machine.set_up() == "sshd: installed and not started.\n"
    assert not any(line.endswith("update") for line in machine.told("apt"))
    assert machine.told("policy") == ["101"]
    assert machine.told("systemctl") == ["disable --now ssh.service", "disable --now ssh.socket"]
    assert not machine.policy.exists()


def test_the_lists_are_fetched_only_where_the_package_is_not_in_them(machine: Machine) -> None:
    stale = (
        'case "$*" in *--download-only*) [ -e "$ROOT/fresh" ] || exit 100 ;; *update) touch "$ROOT/fresh" ;; esac\n'
    )
    machine.write(machine.bin / "apt-get", APT + stale)
    assert "installed and not started" in machine.set_up()
    assert [line.split()[-1] for line in machine.told("apt")] == ["openssh-server", "update"] + ["openssh-server"] * 2


@pytest.mark.parametrize(
    ("apt", "said"),
    [
        ("#!/bin/sh\necho E: no network; exit 100\n", "apt cannot fetch openssh-server (E: no network)"),
        ("#!/bin/sh\nexec sleep 600\n", "apt cannot fetch openssh-server"),
        (APT + 'case "$*" in *--no-download*) exit 100 ;; esac\n', "apt cannot install openssh-server"),
    ],
    ids=["no network", "hangs", "breaks"],
)
def test_an_apt_that_does_not_work_is_said_in_one_line_and_fails_nothing(
    machine: Machine, apt: str, said: str
) -> None:
    machine.write(machine.bin / "apt-get", apt)
    (line,) = machine.set_up().splitlines()
    assert said in line
    assert line.endswith("the tests use an SSH server of their own.")
    assert not machine.policy.exists()


def test_a_person_who_has_to_type_a_password_is_not_asked_for_it(machine: Machine) -> None:
    machine.write(machine.bin / "apt-get", APT)
    machine.write(machine.bin / "id", "#!/bin/sh\necho 1000\n")
    machine.write(machine.bin / "sudo", "#!/bin/sh\nexit 1\n")
    assert "sudo without a password" in machine.set_up()
    assert machine.told("apt") == []


def test_a_machine_whose_own_policy_lets_services_start_gets_no_server(machine: Machine) -> None:
    machine.write(machine.bin / "apt-get", APT)
    machine.write(machine.policy, "#!/bin/sh\nexit 0\n")
    assert "would let the package start a server" in machine.set_up()
    assert machine.told("apt") == []
    assert machine.policy.exists()


def test_prometheus_is_installed_in_the_same_way(machine: Machine) -> None:
    programs = " ".join(f'"$ROOT/usr/bin/{name}"' for name in ("prometheus", "promtool", "prometheus-alertmanager"))
    brings = f'*--no-download*) mkdir -p "$ROOT/usr/bin"; touch {programs}; chmod +x {programs} ;;'
    machine.write(machine.bin / "apt-get", f'#!/bin/sh\necho "$@" >> "$ROOT/apt"\ncase "$*" in {brings} esac\n')
    assert machine.set_up(SCRIPT.with_name("install-prometheus")) == "prometheus: installed and not started.\n"
    assert machine.told("apt")[-1].endswith("--no-download prometheus prometheus-alertmanager")
    assert machine.told("systemctl") == [
        "disable --now prometheus.service",
        "disable --now prometheus-alertmanager.service",
    ]
    assert machine.set_up(SCRIPT.with_name("install-prometheus")) == ""
