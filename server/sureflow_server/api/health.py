"""``GET /health/live``, ``GET /health/ready`` and ``GET /metrics``."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST

from sureflow_server.api.access import Guarded
from sureflow_server.api.encoded import Encoded, claim_of
from sureflow_server.api.problems import problems
from sureflow_server.engine.errors import DrainingError, NotReadyError
from sureflow_server.service import Service

router = APIRouter(tags=["operation"], route_class=Guarded)


@router.get("/health/live")
async def live() -> dict[str, str]:
    """Answer, if the process can answer at all."""
    return {"status": "live"}


@router.get("/health/ready", responses=problems(503))
async def ready(request: Request) -> dict[str, Any]:
    """Answer 200 if a worker has generated with every model and new requests are welcome.

    503 also if handles can be kept no more until a person mends their folder. `warnings` names the
    models that are still being loaded, and those that other replicas make on other kernels, and
    says how many handles are damaged.
    """
    service = Service.of(request)
    pool = service.pool
    if pool.draining:
        raise DrainingError("the server is shutting down", 5)
    if not pool.ready:
        raise NotReadyError("the worker is loading the models", 2)
    store = service.handles
    if store is not None and store.trouble is not None:
        raise NotReadyError(f"the store of handles: {store.trouble}", 2)
    differing = service.differing()
    said = [f"{model}: still being loaded" for model in pool.loading]
    said += [f"{model}: other replicas compute it on other kernels" for model in differing]
    if store is not None and store.damaged:
        said.append(f"{store.damaged} handles are damaged; the log names them")
    return {"status": "ready", **({"warnings": said} if said else {})}


@router.get("/metrics", response_class=Response, responses=problems(401, 403, 429, 503))
async def metrics(request: Request) -> Response:
    """Show the metrics in the text format of Prometheus.

    A page is made fifty times a second at most, and shared by all who wait for it.
    """
    page = await Service.of(request).metrics.scraped()
    claim_of(request).share(page, len(page))
    return Encoded((page,), media_type=CONTENT_TYPE_LATEST)
