"""The real sshd, as this user, on a free loopback port."""

import os
import pwd
import subprocess
import time
from pathlib import Path

from countersign.errors import ConfigurationError
from countersign.private_files import write_private
from sandbox.hosts.keys import KeyPair
from sandbox.hosts.ports import answers, free_port

SSHD = Path("/usr/sbin/sshd")
_CONFIGURATION = """\
ListenAddress 127.0.0.1:{port}
HostKey {host_key}
AuthorizedKeysFile {authorized_keys}
PidFile none
AuthenticationMethods publickey
PermitRootLogin prohibit-password
AllowUsers {user}
UsePAM no
StrictModes no
MaxSessions 20
MaxStartups 100
LogLevel ERROR
SetEnv {path} {home} LC_ALL=C.UTF-8
"""


class OpenSSH:
    """A running sshd. It sends each small packet at once and leaves commands running when a connection breaks."""

    def __init__(
        self, folder: Path, *, host_key: KeyPair, client_key: KeyPair, path: str, gate: str | None = None
    ) -> None:
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.port = free_port()
        write_private(folder / "sshd_host_key", host_key.private)
        # sshd(8): in an option's value a quote is written \", and every other backslash is itself.
        options = 'restrict,command="{}" '.format(gate.replace('"', '\\"')) if gate else ""
        write_private(folder / "authorized_keys", f"{options}{client_key.public}\n")
        configuration = folder / "sshd_config"
        configuration.write_text(
            _CONFIGURATION.format(
                port=self.port,
                host_key=_quoted(f"{folder}/sshd_host_key"),
                # The one setting here in which sshd expands %u and the like.
                authorized_keys=_quoted(f"{folder}/authorized_keys".replace("%", "%%")),
                user=self.user,
                path=_quoted(f"PATH={path}"),
                home=_quoted(f"HOME={folder}"),
            )
        )
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, parents=True, exist_ok=True)  # its privilege separation folder
        self._log = (folder / "sshd.log").open("wb")
        self._process = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", configuration], stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )
        deadline = time.monotonic() + 10
        while not answers(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise ConfigurationError(f"sshd did not start: {(folder / 'sshd.log').read_text()[-500:]}")
            time.sleep(0.005)

    def close(self) -> None:
        """End the server; commands that run go on."""
        self._process.terminate()
        self._process.wait()
        self._log.close()


def _quoted(word: str) -> str:
    """Return `word` as one argument of sshd_config(5), whatever it contains."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
