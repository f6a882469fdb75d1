"""A run's report among Prefect's artifacts: one, which what follows changes."""

import asyncio
import time
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact

import flows.showing
from countersign.execution.follow_up import follow_up_of
from countersign.execution.report import Report
from countersign.records.database.engine import statements
from flows.showing import ReportPage
from tests.aftermath.following import follow
from tests.execution.conftest import Office

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("prefect_api")]
PATIENCE = 60
RESTART = "kubectl rollout restart deployment/api -n prod"


def artifacts(report: Report) -> list[Artifact]:
    wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[f"approval-{report.approval_id}"]))
    with get_client(sync_client=True) as client:
        return client.read_artifacts(artifact_filter=wanted)


def test_what_follows_changes_the_report_and_its_card(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows.showing, "MEANWHILE_SECONDS", 0.01)
    report = office.perform(RESTART)
    page = ReportPage(report)

    async def meanwhile() -> list[Artifact]:
        async with page.shown_meanwhile():
            give_up = time.monotonic() + PATIENCE
            while not (found := await asyncio.to_thread(artifacts, report)):
                assert time.monotonic() < give_up
                await asyncio.sleep(0.05)
        return found

    (before,) = asyncio.run(meanwhile())
    assert before.description == "Succeeded"
    follow(office, report)
    assert report.execution_id is not None
    with statements(office.services.engine) as session:
        followed = follow_up_of(session, UUID(report.execution_id))
    asyncio.run(page.show(followed))
    (after,) = artifacts(report)
    assert (after.id, after.description) == (before.id, "Succeeded, effective")
    assert after.data != before.data


def test_a_report_that_cannot_be_shown_stops_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise ValueError("a report that nobody foresaw")

    monkeypatch.setattr(flows.showing, "render", broken)
    report = office.perform(RESTART)
    asyncio.run(ReportPage(report).show())
    assert artifacts(report) == []
