"""``GET /v1/models``."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Request

from sureflow_server.api.access import Guarded
from sureflow_server.api.problems import Problem, problems
from sureflow_server.api.responses import ModelList, ModelRecord
from sureflow_server.engine.errors import NotReadyError
from sureflow_server.service import Service

router = APIRouter(
    prefix="/v1/models",
    tags=["models"],
    responses=problems(401, 403, 503),
    route_class=Guarded,
)


@router.get("", response_model_exclude_none=True)
async def list_models(request: Request) -> ModelList:
    """List every checkpoint folder, those that could not be loaded included."""
    return ModelList(models=list(_records(Service.of(request)).values()))


@router.get("/{name}", response_model_exclude_none=True, responses=problems(404, 422))
async def get_model(request: Request, name: str) -> ModelRecord:
    """Describe one model."""
    records = _records(Service.of(request))
    if name not in records:
        raise Problem("unknown-model", f"there is no {name!r}; choose from {', '.join(records)}")
    return records[name]


def _records(service: Service) -> dict[str, ModelRecord]:
    pool, default = service.pool, service.default_model
    if not pool.folder:
        raise NotReadyError("the models are still being loaded", 2)
    ready = {
        name: ModelRecord(state="ready", default=name == default, **asdict(card))
        for name, card in pool.cards.items()
    }
    failed = {
        name: ModelRecord(name=name, state="failed", default=name == default, error=error)
        for name, error in pool.failures.items()
    }
    return failed | ready
