"""Hides what is to be signed behind a name that pages mask."""

import json

import pytest

from tests.attacks.doors import House, house
from tests.web.pages.conftest import reader
from tests.web.scene import filed

__all__ = ["house"]
HIDDEN = "evil.example/backdoor:1"
CONTAINER = {"name": "api", "env": [{"name": "API_TOKEN", "value": "x"}], "image": HIDDEN}
PATCH = {"spec": {"template": {"spec": {"containers": [CONTAINER]}}}}
ACTIONS = [
    f"kubectl set env deployment/api PASSWORD={HIDDEN} -n prod",
    f"kubectl patch deployment api -n prod -p '{json.dumps(PATCH, separators=(',', ':'))}'",
]


@pytest.mark.parametrize("action", ACTIONS, ids=["env", "patch"])
def test_whoever_decides_sees_all_of_what_is_signed(house: House, action: str) -> None:
    approval = filed(house.office, action, description="<b>bold</b> password=hunter2-shown")
    page = reader(house, "alice").get(f"/approvals/{approval}")
    assert HIDDEN in page
    assert "<b>bold" not in page
    assert "password=hunter2-shown" in page
    assert "Shown to you as it is signed" in page


@pytest.mark.parametrize("action", ACTIONS, ids=["env", "patch"])
def test_everybody_else_is_told_that_there_is_more(house: House, action: str) -> None:
    approval = filed(house.office, action, description="password=hunter2-shown")
    page = reader(house, "victor").get(f"/approvals/{approval}")
    assert "A signature binds them, too" in page
    assert "hunter2-shown" not in page
