"""The ASGI application."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from sureflow import __version__
from sureflow_server import traces
from sureflow_server.api import generate, health, models, problems
from sureflow_server.api.middleware import BodyLimit, RequestId
from sureflow_server.api.request_log import RequestLog
from sureflow_server.api.v2 import routes as v2
from sureflow_server.engine.messages import WorkerConfig
from sureflow_server.engine.pool import Pool
from sureflow_server.metrics import Metrics
from sureflow_server.service import Service
from sureflow_server.settings import Settings

DESCRIPTION = "Samples of flow models, each with a confidence from the same forward passes."


class Application(FastAPI):
    """FastAPI, with problem documents for errors in its OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if self.openapi_schema is None:
            problems.declare(super().openapi())
        return super().openapi()


def create_app(settings: Settings) -> FastAPI:
    """Build the application; the worker starts with its lifespan.

    ``app.state.service`` is the running :class:`~sureflow_server.service.Service`.
    """
    metrics = Metrics()
    config = WorkerConfig(
        settings.models_dir,
        settings.capacity,
        settings.threads,
        settings.device,
        admission=settings.admission,
        precision=settings.precision,
        compile=settings.compile,
    )
    pool = Pool(config, settings.max_queued_samples, metrics)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        pool.start()
        yield
        await pool.stop()
        traces.flush()

    app = Application(
        title="Sureflow", version=__version__, description=DESCRIPTION, lifespan=lifespan
    )
    app.state.service = Service(settings, pool, metrics)
    problems.install(app)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    if settings.traces:
        app.add_middleware(traces.RequestTrace)
    app.add_middleware(RequestLog)
    app.add_middleware(RequestId)
    for router in (generate.router, models.router, health.router, v2.router):
        app.include_router(router)
    return app
