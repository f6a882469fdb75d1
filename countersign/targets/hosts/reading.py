"""Reading from a host: commands that change nothing, whose lost answers are harmless."""

import shlex
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field

from countersign.errors import AmbiguousTargetError, PermanentTargetError, TransientTargetError
from countersign.targets.classify import Retryable, classify_text
from countersign.targets.hosts.batch import Batch
from countersign.targets.hosts.fleet import HostSettings
from countersign.targets.hosts.output import Output
from countersign.targets.hosts.ssh import KILLED, TIMED_OUT, Sessions, command_line

READ_LIMIT = 20
"""Seconds for one reading command."""
_NOT_INSTALLED = 127


@dataclass(frozen=True)
class HostReader:
    """A `Reader` (tools.model) of one host."""

    sessions: Sessions
    host: HostSettings
    ready: MutableMapping[str, Output] = field(default_factory=dict)
    """Answers by command line that came already; each is given once."""
    moment: bool = False
    """Whether every answer stays ready, to be given again."""

    def __call__(self, *argv: str, root: bool = True, ok: tuple[int, ...] | None = (0,), saying: str = "") -> Output:
        """Run `argv`. Raises TransientTargetError or PermanentTargetError unless the answer is an accepted one."""
        return accepted(self.host, argv, self.ask(self.line(*argv, root=root)), ok=ok, saying=saying)

    def line(self, *argv: str, root: bool = True) -> str:
        """Return the text that is sent for `argv`."""
        return command_line(argv, limit=READ_LIMIT, root=root and self.host.escalates)

    def ask(self, line: str) -> Output:
        """Return the answer to `line`, whatever it is. Raises TransientTargetError, GateRefused."""
        if line in self.ready:
            return self.ready[line] if self.moment else self.ready.pop(line)
        output = self._sent(line, limit=READ_LIMIT)
        self._keep(line, output)
        if not self.moment:
            del self.ready[line]
        return output

    def ask_at_once(self, lines: Sequence[str]) -> None:
        """Get the answers to `lines` ready with one command; where the host takes none for several, do nothing.

        Raises TransientTargetError, GateRefused.
        """
        missing = tuple(dict.fromkeys(line for line in lines if line not in self.ready))
        answered = self.sessions.answered[self.host.name]
        if len(missing) < 2 or answered.takes_batches is False:
            return
        batch = Batch(missing)
        if not batch.can_be_sent:
            return
        answers = batch.answers(self._sent(batch.line, limit=READ_LIMIT * len(missing)))
        # A host that lets through what it knows, and knows no batches, runs none of it.
        answered.takes_batches = bool(answers)
        for line, output in zip(missing, answers, strict=False):
            if output.exit_code not in (TIMED_OUT, KILLED):
                self._keep(line, output)

    def _keep(self, line: str, output: Output) -> None:
        self.ready[line] = self.sessions.answered[self.host.name].by_line[line] = output

    def _sent(self, line: str, *, limit: int) -> Output:
        try:
            return self.sessions.send(self.host, line, limit=limit)
        except AmbiguousTargetError as error:
            raise TransientTargetError(error.message, hint=error.hint) from error


def accepted(
    host: HostSettings, argv: tuple[str, ...], output: Output, *, ok: tuple[int, ...] | None, saying: str
) -> Output:
    """Return `output` where it is an accepted answer to `argv`. Raises TransientTargetError, PermanentTargetError."""
    failed_as_expected = output.exit_code == 0 or saying in output.stderr.lower()
    unexpected = ok is not None and (output.exit_code not in ok or not failed_as_expected)
    if unexpected or output.exit_code == _NOT_INSTALLED:
        raise failure(host, argv, output)
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
