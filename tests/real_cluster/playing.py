"""One case, played: the administrator makes its objects, people file, sign and run, the administrator looks again."""

import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from countersign.actions.kinds import KINDS
from countersign.records.states import StepStatus
from tests.real_cluster.admin import Admin
from tests.real_cluster.cases import Case
from tests.real_cluster.desk import Desk
from tests.real_cluster.objects import manifest, version_of

PATIENCE_SECONDS = 180.0
_OPEN = (StepStatus.PENDING.value, StepStatus.RUNNING.value)


@dataclass(frozen=True)
class Played:
    """What came of a case."""

    case: Case
    report: Mapping[str, Any]
    verdict: str | None
    reasons: Sequence[str]
    rollback: Mapping[str, Any] | None
    shown: Mapping[str, str | None]
    """What kubectl found, by the case's own words."""
    pods: tuple[frozenset[str], frozenset[str]]
    """Uids before and after."""
    text: "Words"


@dataclass(frozen=True)
class Words:
    """What the placeholders of a case stand for."""

    name: str
    namespace: str
    node: str

    @classmethod
    def of(cls, case: Case, namespace: str) -> "Words":
        """Return the names of a case; what is in no namespace is called after the test's own."""
        slug = case.name.replace("_", "-")
        kinds = [made.kind for made in case.objects]
        inside = all(KINDS[kind].namespaced for kind in kinds)
        return cls(slug if inside else f"{namespace}-{slug}", namespace, node_of(case, namespace))

    def fill(self, text: str) -> str:
        """Put the names in."""
        for word, value in (("NODE", self.node), ("NAME", self.name), ("NS", self.namespace)):
            text = text.replace(word, value)
        return text

    def filled(self, value: Any) -> Any:
        """Put the names into every text of a JSON value."""
        match value:
            case str():
                return self.fill(value)
            case list() | tuple():
                return [self.filled(each) for each in value]
            case Mapping():
                return {key: self.filled(each) for key, each in value.items()}
        return value


def node_of(case: Case, namespace: str) -> str:
    """Return the name of the case's own node; what only runs on one shares it."""
    own = "NODE" in case.action or "NODE" in str(case.objects)
    return f"{namespace}-{case.name.replace('_', '-')}" if own else f"{namespace}-shared"


@dataclass(frozen=True)
class Stage:
    """Everything that cases are played with."""

    admin: Admin
    keys: Mapping[str, Path]
    """The signers' private keys."""
    resources: frozenset[tuple[str, str]]
    """What the server has: (version, kind)."""
    requester: str = "carol"

    def play(self, case: Case, desk: Desk) -> Played:
        """Play a case from its objects to what is left of them."""
        words = Words.of(case, self.admin.namespace)
        self._prepare(case, words)
        before = self.admin.pods(words.name)
        approval = self._filed_and_signed(case, words, desk)
        options = ["--dry-run"] if case.dry_run else []
        report = desk("approvals", "run", approval, "--json", *options).json()
        execution = self._followed(desk, approval)
        verification = execution["follow_up"]["verification"] or {}
        shown = {key: self._look(words.fill(key)) for key in case.shows}
        return Played(
            case,
            report,
            verification.get("verdict"),
            verification.get("reasons") or (),
            execution["follow_up"]["rollback"],
            shown,
            (before, self._pods(case, words, before)),
            words,
        )

    def _prepare(self, case: Case, words: Words) -> None:
        made = [
            manifest(
                each.kind,
                words.name,
                version=version_of(each.kind, self.resources),
                node=words.node,
                **words.filled(each.spec),
            )
            for each in case.objects
        ]
        if made:
            self.admin.create(made)
        for each in case.objects:
            self.admin.settle(each.kind, words.name)
        for command in case.before:
            self.admin(*shlex.split(words.fill(command)))

    def _filed_and_signed(self, case: Case, words: Words, desk: Desk) -> str:
        asked = ["--by", self.requester, "--risk", case.risk, "--description", case.name, "--json", "--by-hand"]
        asked += ["--cluster", case.cluster] if case.cluster else []
        filed = desk("approvals", "file", words.fill(case.action), *asked)
        approval = str(filed.json()["id"])
        for name, key in self.keys.items():
            signed = desk("approvals", "sign", approval, "--as", name, "--key", str(key), "--yes")
            assert signed.code == 0, signed
            if self._of(desk, approval)["status"] == "approved":
                break
        return approval

    def _of(self, desk: Desk, approval: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = desk("approvals", "show", approval, "--json").json()
        return found

    def _followed(self, desk: Desk, approval: str) -> Mapping[str, Any]:
        """Return the execution once everything that follows it has ended, its rollback too."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while True:
            ours = [each for each in self._of(desk, approval)["executions"] if not each["rolls_back"]]
            execution: Mapping[str, Any] = ours[0]
            followed = execution["follow_up"]
            back = followed["rollback"]
            if not any(step["status"] in _OPEN for step in followed["steps"]) and (back is None or back["verdict"]):
                return execution
            assert time.monotonic() < give_up, f"{approval} is still being followed up: {followed}"
            time.sleep(0.2)

    def _look(self, key: str) -> str | None:
        of, _, path = key.partition(" ")
        return self.admin.read(of, path)

    def _pods(self, case: Case, words: Words, before: frozenset[str]) -> frozenset[str]:
        """Return the app's pods; those of an owner that is gone are waited for, since a collector takes them."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        found = self.admin.pods(words.name)
        while found and case.pods == "none" and time.monotonic() < give_up:
            time.sleep(0.2)
            found = self.admin.pods(words.name)
        return found
