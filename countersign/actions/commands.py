"""An operation as the one command that reads to it, with named holes where it says on what it acts.

The command has the canonical form (countersign.actions.canonical), so that spellings of the same repair become the
same template. What is between `{{` and `}}` is a hole; a text of the action that looks like one is written with
{{braces}} in place of its first two.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace

from countersign.actions import canonical
from countersign.actions.operation import (
    CreateJobParameters,
    HostOperation,
    KubernetesOperation,
    Operation,
    SetImageParameters,
)
from countersign.actions.remote import remote_command
from countersign.errors import InvalidInput

HOLE = re.compile(r"\{\{([a-z][a-z0-9_]*)\}\}")
BRACES = "braces"
# No action holds NUL, so it cannot be mistaken for a part of one while the command is put together.
_MARKED = re.compile(r"\x00([a-z0-9_]+)\x00")


@dataclass(frozen=True)
class Template:
    """A command with holes, and what filled them."""

    text: str
    variables: Mapping[str, str]


def template_of(operation: Operation) -> Template:
    """Return the operation with its cluster, namespace, names, containers, images and host taken out."""
    match operation:
        case KubernetesOperation():
            return _kubernetes(operation)
        case HostOperation():
            return _host(operation)


def fill(text: str, variables: Mapping[str, str]) -> str:
    """Return the command that `text` becomes; every hole has to be among `variables`. Raises InvalidInput."""
    values = {**variables, BRACES: "{{"}
    return shlex.join(HOLE.sub(lambda hole: values[hole[1]], word) for word in words_of(text))


def holes(text: str) -> tuple[str, ...]:
    """Return the names of the holes in their order, each once."""
    return tuple(dict.fromkeys(name for name in HOLE.findall(text) if name != BRACES))


def without_holes(text: str) -> str:
    """Return `text` with what looks like a hole written so that it is none."""
    return HOLE.sub(lambda hole: f"{{{{{BRACES}}}}}{hole[0][2:]}", text)


def words_of(text: str) -> list[str]:
    """Return the template's words. Raises InvalidInput."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise InvalidInput(f"action: {text[:80]!r} cannot be read: {error}", hint="close every quote") from None


def _kubernetes(operation: KubernetesOperation) -> Template:
    taken = _Taken()
    names = tuple(taken.out("name", name) for name in operation.names)
    also = tuple(
        replace(group, names=tuple(taken.out("name", name) for name in group.names)) for group in operation.also
    )
    parameters = operation.parameters
    if isinstance(parameters, SetImageParameters):
        parameters = SetImageParameters(
            tuple(
                (container if container == "*" else taken.out("container", container), taken.out("image", image))
                for container, image in parameters.images
            )
        )
    if isinstance(parameters, CreateJobParameters):
        parameters = CreateJobParameters(taken.out("job", parameters.job))
    namespace = None if operation.namespace is None else taken.out("namespace", operation.namespace)
    cluster = None if operation.cluster is None else taken.out("cluster", operation.cluster)
    marked = canonical(
        replace(operation, names=names, also=also, namespace=namespace, parameters=parameters, cluster=cluster)
    )
    return Template(_written(shlex.split(marked)), taken.variables)


def _host(operation: HostOperation) -> Template:
    taken = _Taken()
    host = taken.out("host", operation.host)
    parameters = {
        name: value if name in ("all", "what") else taken.out("project" if name == "project" else "name", value)
        for name, value in operation.parameters
    }
    words = ["ssh", f"{operation.user}@{host}" if operation.user else host]
    if operation.port is not None:
        words += ["-p", str(operation.port)]
    return Template(_written([*words, remote_command(operation.tool, parameters)]), taken.variables)


class _Taken:
    """What was taken out of an operation, by the name of its hole."""

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}

    def out(self, kind: str, value: str) -> str:
        """Keep `value` and return the mark that stands for it; the second of a kind is kind_2."""
        number = sum(1 for name in self.variables if name.rstrip("0123456789").rstrip("_") == kind) + 1
        name = kind if number == 1 else f"{kind}_{number}"
        self.variables[name] = value
        return f"\x00{name}\x00"


def _written(words: list[str]) -> str:
    return " ".join(map(_word, words))


def _word(word: str) -> str:
    parts = _MARKED.split(word)
    # split() alternates between what is around the marks and their names.
    literal = [without_holes(part) for part in parts[::2]]
    written = literal[0] + "".join(
        f"{{{{{name}}}}}{after}" for name, after in zip(parts[1::2], literal[1:], strict=True)
    )
    # A hole needs no quotes, what is around it may.
    plain = HOLE.sub("x", written)
    return written if shlex.quote(plain) == plain else shlex.quote(written)
