"""All pages in one router."""

from fastapi import APIRouter

from countersign.web.pages import (
    approval,
    audit,
    break_glass,
    filing,
    incidents,
    kill_switch,
    knowledge,
    login,
    now,
    passkeys,
    playbooks,
    policy,
    preferences,
    queue,
    reconciliation,
    saved_views,
    system,
    trends,
)
from countersign.web.pages.live import approval as live_approval
from countersign.web.pages.live import now as live_now
from countersign.web.pages.live import queue as live_queue

PAGES = (
    now,
    queue,
    saved_views,
    filing,
    approval,
    incidents,
    playbooks,
    knowledge,
    policy,
    audit,
    reconciliation,
    trends,
    system,
    kill_switch,
    break_glass,
    login,
    passkeys,
    preferences,
    live_now,
    live_queue,
    live_approval,
)

router = APIRouter(include_in_schema=False)
for each in PAGES:
    router.include_router(each.router)
