"""The web process asks: no SQL, no Kubernetes and no SSH of its own, and nobody says in a body who they are."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import countersign.web
from tests.web.conftest import House

FOLDER = Path(countersign.web.__file__).parent
FILES = sorted(FOLDER.rglob("*.py"))
FOREIGN = {
    "kubernetes",
    "fabric",
    "paramiko",
    "invoke",
    "psycopg",
    "asyncpg",
    "alembic",
    "redis",
    "subprocess",
}
WITHIN = ("countersign.targets", "countersign.memory", "countersign.records.migrations")
PURE = {"countersign.targets.model", "countersign.targets.kubernetes.invert"}
"""From values to values: nothing in them reaches a target."""
NAMES = {"sqlalchemy": {"Engine", "Row"}, "sqlmodel": {"Session"}}
"""What may be used of these: they are carried, never asked."""
STATEMENT = re.compile(
    r"\b(SELECT\s|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM)|\bkubectl\s+(get|delete|apply)|\bssh\s+\S+@"
)
OF_WHO_ACTS = {"by", "actor", "requested_by", "author", "approver", "subject_id", "user", "status_by"}


def imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((each.name, "") for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", each.name) for each in node.names)


def judged(text: str) -> list[str]:
    """Return what a module has that does not belong there."""
    tree = ast.parse(text)
    wrong = []
    for module, name in imported(tree):
        top = module.split(".")[0]
        within = module.startswith(WITHIN) and module not in PURE
        if top in FOREIGN or within or (top in NAMES and name not in NAMES[top]):
            wrong.append(f"imports {module} {name}".strip())
    documents = {id(node.body[0].value) for node in ast.walk(tree) if _documented(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            wrong += [f"says {found[0]!r}" for found in STATEMENT.finditer(node.value)]
        if isinstance(node, ast.Attribute) and node.attr in ("execute", "exec", "get_bind", "raw_connection"):
            wrong.append(f"calls .{node.attr}")
    return wrong


def _documented(node: ast.AST) -> bool:
    body = getattr(node, "body", None)
    return isinstance(body, list) and bool(body) and isinstance(body[0], ast.Expr)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_module_of_the_web_asks_and_does_not_do_itself(path: Path) -> None:
    assert judged(path.read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        "from sqlalchemy import text",
        "from sqlmodel import select",
        "import kubernetes",
        "from countersign.targets.kubernetes import plan",
        "session.execute(statement)",
        "x = 'SELECT 1'",
        "import subprocess",
    ],
)
def test_what_does_not_belong_there_is_found(text: str) -> None:
    assert judged(text)


def test_no_body_says_who_acts(house: House) -> None:
    schema = house.app.openapi()
    named = {
        (path, name)
        for path, methods in schema["paths"].items()
        for operation in methods.values()
        for name in _properties(schema, operation.get("requestBody", {}))
    }
    assert [each for each in sorted(named) if each[1] in OF_WHO_ACTS] == []
    assert ("/v1/approvals", "action") in named


def _properties(schema: dict[str, Any], body: dict[str, Any]) -> set[str]:
    found = set()
    for media in body.get("content", {}).values():
        reference = media["schema"].get("$ref", "").rsplit("/", 1)[-1]
        found |= set(schema["components"]["schemas"].get(reference, {}).get("properties", {}))
    return found
