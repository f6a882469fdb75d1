"""Several commands as one remote command: readings in a row, or an effect on condition of what readings answer.

Both forms are a fixed script for sh, with the command lines as its arguments. `countersign-gate` knows the two
scripts word for word, looks at each command line as if it had come alone, and does without a shell what the script
says.
"""

import shlex
from dataclasses import dataclass, field, replace
from secrets import token_hex

from countersign.targets.hosts.output import Output

READINGS = 'm=$1; shift; for c do eval "$c"; printf "\\n%s %s\\n" "$m" "$?"; printf "\\n%s\\n" "$m" >&2; done'
"""Runs every argument after the mark; after each, the mark and the exit code stand on stdout, the mark on stderr."""
EFFECT = (
    'm=$1 n=$2; shift 2; while [ "$n" -gt 0 ]; do '
    '[ "$(eval "$1" 2>/dev/null; echo "$?")" = "$2" ] || { echo "$m differs" >&2; exit 75; }; '
    "shift 2; n=$((n - 1)); done; "
    'while [ "$#" -gt 1 ]; do eval "$1"; s=$?; printf "\\n%s %s\\n" "$m" "$s"; printf "\\n%s\\n" "$m" >&2; '
    '[ "$s" = 0 ] || exit "$s"; shift; done; eval "exec $1"'
)
"""Takes the mark, a number, so many pairs of a reading and its answer, and commands; the process becomes the last.

Where a reading answers otherwise, the mark with a word on stderr and the exit code 75 say that nothing was run.
"""
DIFFERS = 75
LONGEST_ANSWER = 16 * 1024
"""Characters of an answer that may be a condition: it is an argument on the host."""
LONGEST_LINE = 100_000
"""Bytes of what is sent: the host hands it to a shell as one argument, of which Linux takes 128 KiB (execve(2))."""


@dataclass(frozen=True)
class Condition:
    """A reading and what it has to answer."""

    line: str
    answer: Output

    @property
    def can_be_sent(self) -> bool:
        """False where the answer is not known to the last byte, or is too long."""
        text = self.answer.stdout
        return not self.answer.truncated and "\ufffd" not in text and len(text) <= LONGEST_ANSWER

    @property
    def wanted(self) -> str:
        """The answer as the script compares it: stdout and the exit code."""
        return f"{self.answer.stdout}{self.answer.exit_code}"


@dataclass(frozen=True)
class Batch:
    """Command lines, and under which condition they are run."""

    lines: tuple[str, ...]
    conditions: tuple[Condition, ...] | None = None
    """None: readings, all of which are run. Otherwise the first command that fails is the last."""
    mark: str = field(default_factory=lambda: token_hex(16))
    """What no command can print by chance."""

    @property
    def line(self) -> str:
        """The one text that is sent."""
        if self.conditions is None:
            return shlex.join(["sh", "-c", READINGS, "sh", self.mark, *self.lines])
        pairs = [word for each in self.conditions for word in (each.line, each.wanted)]
        return shlex.join(["sh", "-c", EFFECT, "sh", self.mark, str(len(self.conditions)), *pairs, *self.lines])

    @property
    def can_be_sent(self) -> bool:
        """False where the host could not take it as one command."""
        return len(self.line.encode()) <= LONGEST_LINE

    def differs(self, output: Output) -> bool:
        """Tell whether the host found another answer than the condition's, and so ran nothing."""
        return output.exit_code == DIFFERS and f"{self.mark} differs" in output.stderr.splitlines()

    def answers(self, output: Output) -> tuple[Output, ...]:
        """Return each command's answer, in order: of readings all that came whole, of an effect up to its last one.

        The duration of the whole is the last answer's, where that is an effect's.
        """
        found: list[Output] = []
        stdout, stderr = output.stdout, output.stderr
        while True:
            said, _, after = stdout.partition(f"\n{self.mark} ")
            code, framed, rest = after.partition("\n")
            if not framed:
                break
            error, _, stderr = stderr.partition(f"\n{self.mark}\n")
            found.append(Output(int(code), said, error, truncated=False, duration_ms=0))
            stdout = rest
        if self.conditions is not None and not any(each.exit_code for each in found):
            found.append(replace(output, stdout=stdout, stderr=stderr))
        return tuple(found)
