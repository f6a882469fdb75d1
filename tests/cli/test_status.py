"""`countersign status` begins with what needs a person now."""

import json

from sqlalchemy import Engine

from countersign.records.database.identifiers import short_id
from tests.cli.conftest import Run
from tests.records.builders import pending


def test_what_needs_a_person_comes_first_with_the_command_to_run(run: Run, engine: Engine) -> None:
    approval = pending(engine, required_signatures=2)
    out, _ = run("status")
    title, what, why, command, *_ = out.splitlines()
    assert title == "Needs a person now:"
    assert what.split("  ")[1] == "to be signed" and what.endswith("kubectl rollout restart deployment/api -n prod")
    assert why.strip() == "signed by 0 of 2, requested by alice"
    assert command.strip() == f"countersign approvals sign {short_id(approval.id)} --as NAME --key FILE"


def test_nothing_is_said_to_need_a_person_where_nothing_does(run: Run) -> None:
    out, _ = run("status")
    assert out.splitlines()[0] == "Nothing needs a person now."


def test_programs_get_the_same(run: Run, engine: Engine) -> None:
    approval = pending(engine)
    (item,) = json.loads(run("status", "--json")[0])["needs_attention"]["items"]
    assert (item["need"], item["approval"], item["age_seconds"] < 60) == ("signatures", str(approval.id), True)
