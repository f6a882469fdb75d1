"""The web process: the HTTP API, the pages, health. It holds no state that matters, and any number may run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI

from countersign.chat.keeping import ChatKeeper
from countersign.settings import Settings
from countersign.web import health
from countersign.web.acting import Doors
from countersign.web.api import router as api
from countersign.web.break_glass_keeper import BreakGlassKeeper
from countersign.web.changes import Changes
from countersign.web.limits import BodyLimit, Lockout, Pace
from countersign.web.measured import Measured, metrics_of
from countersign.web.openapi import document
from countersign.web.pages import STATIC
from countersign.web.pages import router as pages
from countersign.web.problem import answer_errors
from countersign.web.services import Opener, ServiceSource
from countersign.web.target_limits import limits

TITLE: Final = "Countersign"
OPENAPI: Final = "/v1/openapi.json"


def create_app(open_services: Opener, settings: Settings) -> FastAPI:
    """Return the application. `open_services` connects to the records and reads Prefect's blocks."""
    source = ServiceSource(open_services)
    changes = Changes(lambda: source.now().engine)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        keepers = (ChatKeeper(source.now), BreakGlassKeeper(source.now))
        for each in keepers:
            each.start()
        yield
        changes.close()
        for each in keepers:
            await asyncio.to_thread(each.close)

    app = FastAPI(
        title=TITLE,
        version="1",
        summary="Executes approved operational actions once, and proves what happened.",
        openapi_url=OPENAPI,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.doors = Doors(source, Pace(settings.web_requests_per_minute), Lockout())
    app.state.changes = changes
    for name, limit in limits().items():
        setattr(app.state, name, limit)
    app.add_middleware(BodyLimit, limit=settings.web_body_limit_bytes)
    app.add_middleware(Measured)
    answer_errors(app)
    app.include_router(health.router)
    app.include_router(api)
    app.include_router(pages)
    if settings.metrics_token is not None:
        app.router.routes.append(metrics_of(lambda: source.now().engine, settings.metrics_token))
    app.router.routes.append(STATIC)
    document(app)
    return app
