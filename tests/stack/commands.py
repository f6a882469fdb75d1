"""Countersign's commands as a person types them whose environment is a stack's, in the process of the tests.

Starting Python and importing everything takes longer than most commands; what is about the process itself starts one.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import prefect.context
import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from countersign.cli import main
from countersign.settings import settings


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


@contextmanager
def in_environment(environment: Mapping[str, str]) -> Iterator[pytest.MonkeyPatch]:
    """Make `environment` the process's whole environment, for Prefect's client too."""
    prefects = {
        PREFECT_API_URL: environment.get("PREFECT_API_URL"),
        PREFECT_API_AUTH_STRING: environment.get("PREFECT_API_AUTH_STRING"),
    }
    with pytest.MonkeyPatch.context() as patched:
        for name in os.environ.keys() - environment.keys():
            patched.delenv(name)
        for name, value in environment.items():
            patched.setenv(name, value)
        settings.cache_clear()
        with temporary_settings(prefects):
            # Threads have no context of their own.
            patched.setattr(prefect.context, "GLOBAL_SETTINGS_CONTEXT", prefect.context.get_settings_context())
            yield patched
    settings.cache_clear()


def countersign(environment: Mapping[str, str], *words: str, folder: Path | None = None) -> Done:
    """Run `countersign WORDS` in an environment and a folder."""
    said, complained = StringIO(), StringIO()
    with in_environment(environment) as patched, redirect_stdout(said), redirect_stderr(complained):
        patched.setattr(sys, "argv", ["countersign", *words])
        if folder is not None:
            patched.chdir(folder)
        with pytest.raises(SystemExit) as ended:
            main()
    code = ended.value.code
    assert code is None or isinstance(code, int)
    return Done(code or 0, said.getvalue(), complained.getvalue())
