"""The HTTP API, `/v1`: one file for each group of addresses. Every handler asks first who is acting."""

from fastapi import APIRouter

from countersign.web.api import approvals, me

router = APIRouter(prefix="/v1")
for each in (me, approvals):
    router.include_router(each.router)
