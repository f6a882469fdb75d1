"""Whose run it is, and whether its owner is gone."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countersign.processes import started_at
from countersign.worker.identity import Identity, is_gone

ME = Identity.of_this_process(worker="warm-1")


@given(worker=st.text(max_size=40), pid=st.integers(1, 2**22))
def test_an_identity_is_read_back_as_it_was_written(worker: str, pid: int) -> None:
    identity = replace(ME, worker=worker, pid=pid)
    assert Identity.parse(str(identity)) == identity


@pytest.mark.parametrize("text", [None, "", "4711", "host:4711", "warm:a:b:not-a-pid:1:w", "prefect:a:1:2:3:4"])
def test_another_infrastructures_identifier_is_nobody(text: str | None) -> None:
    assert Identity.parse(text) is None


def test_a_living_process_is_not_gone() -> None:
    assert not is_gone(ME, seen_from=replace(ME, pid=1, started="1", worker="warm-2"))


def test_a_process_that_ended_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = replace(ME, pid=child.pid, started=started_at(child.pid) or "")
    assert not is_gone(owner, seen_from=ME)
    child.kill()
    child.wait()
    assert is_gone(owner, seen_from=ME)


def test_a_pid_that_was_given_to_another_process_does_not_keep_its_owner_alive() -> None:
    assert is_gone(replace(ME, started="1"), seen_from=ME)


def test_a_process_on_another_host_is_left_alone() -> None:
    assert not is_gone(replace(ME, host="elsewhere", started="1"), seen_from=ME)


def test_a_restarted_container_replaces_its_predecessor_of_the_same_name_only() -> None:
    before = replace(ME, namespace="1", pid=7)
    assert is_gone(before, seen_from=ME)
    assert not is_gone(replace(before, worker="warm-2"), seen_from=ME)


def test_a_zombie_counts_as_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert started_at(child.pid) is None
    child.wait()
