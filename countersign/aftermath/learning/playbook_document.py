"""Playbooks as YAML that a person can review in git: no ids, no times, keys always in the same order.

playbooks:
  - name: kube-pod-crash-looping-restart-deployment
    title: "KubePodCrashLooping: restart Deployment"
    status: approved
    symptom:
      - alertname = KubePodCrashLooping
    steps:
      - kubectl rollout restart deployment/{{name}} -n {{namespace}}
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import yaml

from countersign.actions.rendering import normal_form
from countersign.aftermath.learning.content import Said, said_by
from countersign.aftermath.learning.playbook_names import NAME, NAME_EXAMPLE
from countersign.aftermath.learning.symptoms import EXAMPLE, read_matcher
from countersign.errors import CountersignError, InvalidInput
from countersign.policy.yaml_text import YamlDocument, read_yaml
from countersign.records.states import PlaybookStatus
from countersign.records.tables import Playbook

FIELDS = ("name", "title", "status", "symptom", "steps")
TITLE_LIMIT = 300
MOST = 50
"""Matchers or steps of one playbook."""


@dataclass(frozen=True)
class Written:
    """One playbook of a file."""

    name: str
    title: str
    status: PlaybookStatus
    said: Said


def write_playbooks(playbooks: Sequence[Playbook]) -> str:
    """Return the playbooks as one YAML document, by name."""
    entries = []
    for playbook in sorted(playbooks, key=lambda one: one.name):
        said = said_by(playbook.symptom, playbook.steps)
        entries.append(
            {
                "name": playbook.name,
                "title": playbook.title,
                "status": playbook.status.value,
                "symptom": [str(matcher) for matcher in said.symptom],
                "steps": list(said.actions),
            }
        )
    return yaml.dump({"playbooks": entries}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def read_playbooks(text: str, *, source: str) -> tuple[Written, ...]:
    """Read a document. Raises ConfigurationError or InvalidInput naming source, line, field and what would work."""
    document = read_yaml(text, source=source)
    reader = _Reader(document, source)
    entries = document.value.get("playbooks") if isinstance(document.value, dict) else None
    if not isinstance(entries, list) or set(document.value) != {"playbooks"}:
        raise reader.wrong((), "the document is not a list of playbooks", hint="begin it with `playbooks:` and items")
    found = tuple(reader.playbook(entry, ("playbooks", number)) for number, entry in enumerate(entries))
    names: dict[str, int] = {}
    for number, one in enumerate(found):
        if one.name in names:
            raise reader.wrong(
                ("playbooks", number, "name"), f"{one.name!r} is in the file twice", hint="give each its own name"
            )
        names[one.name] = number
    return found


class _Reader:
    """Reads values, and says where one is wrong."""

    def __init__(self, document: YamlDocument, source: str) -> None:
        self.document, self.source = document, source

    def playbook(self, entry: Any, path: tuple[str | int, ...]) -> Written:
        if not isinstance(entry, dict):
            raise self.wrong(path, "this is not a playbook", hint=f"write the fields {', '.join(FIELDS)}")
        for field in entry:
            if field not in FIELDS:
                near = get_close_matches(field, FIELDS, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(FIELDS)}"
                raise self.wrong((*path, field), "there is no such field", hint=hint)
        name = self.text(entry, path, "name", NAME_EXAMPLE)
        if NAME.fullmatch(name) is None:
            raise self.wrong(
                (*path, "name"),
                f"{name[:80]!r} is not a name",
                hint=f"lower-case letters, digits and - between them, at most 120, e.g. {NAME_EXAMPLE}",
            )
        title = self.text(entry, path, "title", "Restart what crashes again and again")
        if len(title) > TITLE_LIMIT:
            raise self.wrong((*path, "title"), f"{len(title)} characters", hint=f"at most {TITLE_LIMIT} are kept")
        status = self.text(entry, path, "status", PlaybookStatus.DRAFT.value)
        if status not in list(PlaybookStatus):
            raise self.wrong(
                (*path, "status"), f"{status[:40]!r} is no status", hint=f"one of {', '.join(PlaybookStatus)}"
            )
        symptom = self.texts(entry, path, "symptom", EXAMPLE)
        steps = self.texts(entry, path, "steps", "kubectl rollout restart deployment/{{name}} -n {{namespace}}")
        matchers = []
        for number, written in enumerate(symptom):
            with self.said_of((*path, "symptom", number)):
                matchers.append(read_matcher(written))
        for number, action in enumerate(steps):
            with self.said_of((*path, "steps", number)):
                normal_form(action)
        return Written(name, title, PlaybookStatus(status), Said(tuple(matchers), tuple(steps)))

    def text(self, entry: dict[str, Any], path: tuple[str | int, ...], field: str, example: str) -> str:
        value = entry.get(field)
        if field not in entry:
            raise self.wrong((*path, field), "this field is missing", hint=f"for example {field}: {example}")
        if not isinstance(value, str) or not value.strip():
            raise self.wrong((*path, field), "this is not text", hint=f"for example {field}: {example}")
        return value.strip()

    def texts(self, entry: dict[str, Any], path: tuple[str | int, ...], field: str, example: str) -> list[str]:
        value = entry.get(field)
        if not isinstance(value, list) or not value or len(value) > MOST:
            raise self.wrong(
                (*path, field), f"this is not a list of 1 to {MOST} texts", hint=f"write items such as `- {example}`"
            )
        for number, item in enumerate(value):
            if not isinstance(item, str) or not item.strip():
                raise self.wrong((*path, field, number), "this is not text", hint=f"for example `- {example}`")
        return [item.strip() for item in value]

    def wrong(self, path: tuple[str | int, ...], what: str, *, hint: str | None) -> InvalidInput:
        line = self.document.line_of(path)
        where = f"{self.source}, line {line}: " if line else f"{self.source}: "
        return InvalidInput(f"{where}{_dotted(path)}{what}", hint=hint)

    def said_of(self, path: tuple[str | int, ...]) -> "_Placed":
        return _Placed(self, path)


class _Placed:
    """What is wrong inside is said with its place in the file."""

    def __init__(self, reader: _Reader, path: tuple[str | int, ...]) -> None:
        self.reader, self.path = reader, path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, CountersignError):
            raise self.reader.wrong(self.path, error.message, hint=error.hint) from None


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _dotted(path: tuple[str | int, ...]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return f"{text}: " if text else ""
