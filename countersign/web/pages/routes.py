"""All pages in one router."""

from fastapi import APIRouter

from countersign.web.pages import approval, kill_switch, now, preferences, queue

router = APIRouter(include_in_schema=False)
for each in (now.router, queue.router, kill_switch.router, approval.router, preferences.router):
    router.include_router(each)
