"""The HTTP API, `/v1`: one file for each group of addresses. Every handler asks first who is acting."""

from fastapi import APIRouter

from countersign.web.api import (
    approvals,
    audit,
    break_glass,
    chat,
    dead_letters,
    events,
    executions,
    inbound,
    incidents,
    kill_switch,
    knowledge,
    me,
    operation_log,
    playbooks,
    policy,
    reconciliation,
    runs,
    status,
    trends,
    webhooks,
)

GROUPS = (
    me,
    status,
    approvals,
    runs,
    events,
    executions,
    dead_letters,
    operation_log,
    incidents,
    playbooks,
    knowledge,
    policy,
    kill_switch,
    break_glass,
    reconciliation,
    audit,
    trends,
    webhooks,
    inbound,
    chat,
)
router = APIRouter(prefix="/v1")
for each in GROUPS:
    router.include_router(each.router)
