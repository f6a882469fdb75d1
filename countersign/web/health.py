"""`/healthz`: this process answers. `/readyz`: it can do its work."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

from countersign.records.control import kill_switch
from countersign.records.database.engine import transaction
from countersign.web.acting import doors_of
from countersign.web.api.responses import problems

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """It answers."""

    status: str


@router.get("/healthz", openapi_extra={"security": []})
async def alive() -> Health:
    """Say that this process answers; it asks nobody else, and waits for no thread."""
    return Health(status="ok")


@router.get("/readyz", openapi_extra={"security": []}, responses=problems())
def ready(request: Request) -> Health:
    """Say that the records can be read and the policy can be believed; 503 else."""
    services = doors_of(request).source.now()
    with transaction(services.engine) as session:
        kill_switch(session)
    return Health(status="ok")
