"""An incident that the text names has the run on its timeline, in its log and with its evidence, from the start."""

from uuid import UUID

import pytest
from sqlalchemy import text

from countersign.records.database.engine import transaction
from tests.aftermath.following import execution_id_of, follow
from tests.execution.conftest import Office

RESTART = "kubectl rollout restart deployment/api -n prod"


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        (RESTART, {"description": "as agreed for INC-42 in the morning"}),
        (f"{RESTART} # INC-42", {}),
        (RESTART, {"requested_by": "oncall-INC-42"}),
        (RESTART, {"incident_id": "INC-42", "description": "like INC-7"}),
    ],
)
def test_what_the_run_leaves_names_the_incident(office: Office, action: str, fields: dict[str, object]) -> None:
    office = office.with_settings(verify_warm_up_seconds=0, verify_collect_seconds=0)
    report = office.perform(action, **fields)
    follow(office, report)
    tables = {
        "approval": "id = :approval",
        "timeline_event": "approval_id = :approval",
        "automation_operation_log": "execution_id = :execution",
        "evidence_snapshot": "execution_id = :execution",
        "knowledge_entry": "execution_id = :execution",
    }
    asked = {"approval": UUID(report.approval_id), "execution": execution_id_of(report)}
    with transaction(office.services.engine) as session:
        for table, its in tables.items():
            column = "incident_id"
            found = session.execute(text(f"SELECT DISTINCT {column} FROM {table} WHERE {its}"), asked).scalars().all()
            assert found == ["INC-42"], table
