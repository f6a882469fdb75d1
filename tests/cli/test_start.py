"""What a command imports before it answers: whoever waits for `--help` waits for nothing that it does not need."""

import json
import subprocess
import sys
from importlib import import_module
from pkgutil import iter_modules

import pytest
import typer

import countersign.cli
from countersign.cli import app
from countersign.cli.on_demand import COMMANDS, imported

LOADED = """
import json, sys
from countersign.cli import main
sys.argv = ["countersign", *sys.argv[1:]]
try:
    main()
except SystemExit:
    pass
print(json.dumps(sorted(sys.modules)))
"""
THE_STACK = {
    "prefect",
    "sqlalchemy",
    "sqlmodel",
    "psycopg",
    "kubernetes",
    "paramiko",
    "fabric",
    "redis",
    "httpx",
    "yaml",
}


@pytest.mark.parametrize(
    ("command", "and_not"),
    [
        pytest.param(("--version",), {"rich", "pydantic"}, id="--version"),
        pytest.param(("--help",), {"pydantic"}, id="--help"),
        pytest.param(("parse", "kubectl rollout restart deployment/api"), {"rich", "pydantic_settings"}, id="parse"),
        pytest.param(("aprovals", "list"), {"pydantic_settings"}, id="a mistyped word"),
    ],
)
def test_what_needs_no_stack_imports_none(command: tuple[str, ...], and_not: set[str]) -> None:
    said = subprocess.run([sys.executable, "-c", LOADED, *command], capture_output=True, text=True, check=True)
    loaded = set(json.loads(said.stdout.splitlines()[-1]))
    assert "countersign.cli" in loaded
    assert sorted(loaded & (THE_STACK | and_not)) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_listed_with_its_own_help(name: str) -> None:
    command = imported(name)
    assert " ".join(command.help.split("\n\n")[0].split()) == COMMANDS[name].help


def test_every_group_of_commands_is_listed() -> None:
    """A file of the command line that has commands of its own is in the list, which is what a person can call."""
    listed = {one.module for one in COMMANDS.values()}
    having = set()
    for found in iter_modules(countersign.cli.__path__):
        if found.name == "__main__":
            continue
        module = import_module(f"countersign.cli.{found.name}")
        groups = [value for value in vars(module).values() if isinstance(value, typer.Typer) and value is not app]
        if groups or callable(getattr(module, "run", None)):
            having.add(found.name)
    assert having and having <= listed
