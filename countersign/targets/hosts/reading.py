"""Reading from a host: commands that change nothing, whose lost answers are harmless."""

import shlex
from dataclasses import dataclass

from countersign.errors import AmbiguousTargetError, PermanentTargetError, TransientTargetError
from countersign.targets.classify import Retryable, classify_text
from countersign.targets.hosts.fleet import HostSettings
from countersign.targets.hosts.output import Output
from countersign.targets.hosts.ssh import Sessions

READ_LIMIT = 20
"""Seconds for one reading command."""
_NOT_INSTALLED = 127


@dataclass(frozen=True)
class HostReader:
    """A `Reader` (tools.model) of one host."""

    sessions: Sessions
    host: HostSettings

    def __call__(self, *argv: str, root: bool = True, ok: tuple[int, ...] | None = (0,), saying: str = "") -> Output:
        """Run `argv`. Raises TransientTargetError or PermanentTargetError unless the answer is an accepted one."""
        try:
            output = self.sessions.run(self.host, argv, limit=READ_LIMIT, root=root)
        except AmbiguousTargetError as error:
            raise TransientTargetError(error.message, hint=error.hint) from error
        failed_as_expected = output.exit_code == 0 or saying in output.stderr.lower()
        unexpected = ok is not None and (output.exit_code not in ok or not failed_as_expected)
        if unexpected or output.exit_code == _NOT_INSTALLED:
            raise failure(self.host, argv, output)
        return output


def failure(host: HostSettings, argv: tuple[str, ...], output: Output) -> TransientTargetError | PermanentTargetError:
    """Give a refused command its error: by the exit code first, then by what it said."""
    said = (output.stderr.strip() or output.stdout.strip())[-800:]
    command = shlex.join(argv)
    if said.startswith("sudo:"):
        return PermanentTargetError(
            f"{host.name} does not let {host.user} run `{command}` through sudo: {said}",
            hint="docs/security.md has the sudoers lines",
        )
    if output.exit_code == _NOT_INSTALLED:
        # The shell's word about sudo, in front of everything; else timeout(1)'s about the program.
        missing = "sudo" if host.escalates and "sudo: " in said and "not found" in said else argv[0]
        return PermanentTargetError(f"{missing} is not installed on {host.name}, or not on the PATH there.")
    message = f"`{command}` on {host.name} ended with exit code {output.exit_code}: {said or 'it said nothing'}"
    if classify_text(said) is Retryable.TRANSIENT:
        return TransientTargetError(message)
    return PermanentTargetError(message)
