"""``/v2``: the routes of the Open Inference Protocol.

They are not in the OpenAPI document: the protocol has its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from sureflow import __version__
from sureflow.core.card import ModelCard
from sureflow_server.api import health
from sureflow_server.api.access import Guarded
from sureflow_server.api.dialect import OPEN_INFERENCE
from sureflow_server.api.disconnect import unless_disconnected
from sureflow_server.api.encoded import Encoded, claim_of
from sureflow_server.api.generate_plan import plan_generate
from sureflow_server.api.off_loop import READ, off_loop
from sureflow_server.api.planning import make_plan
from sureflow_server.api.problems import Problem
from sureflow_server.api.public_text import shown
from sureflow_server.api.resolve import card_of
from sureflow_server.api.run import Result
from sureflow_server.api.submit import submit
from sureflow_server.api.v2.inference import check_outputs, metadata, outputs_of, request_of
from sureflow_server.api.v2.tensor import HEADER_LENGTH, Inference, read, write
from sureflow_server.service import Service
from sureflow_server.traces import measured

EXTENSIONS = ("binary_tensor_data", "model_repository")
BINARY = "application/octet-stream"

router = APIRouter(prefix=OPEN_INFERENCE.prefix, include_in_schema=False, route_class=Guarded)


@router.get("")
async def server() -> dict[str, Any]:
    """Describe the server."""
    return {"name": "sureflow", "version": __version__, "extensions": EXTENSIONS}


@router.get("/health/live")
async def live() -> dict[str, bool]:
    """Answer, if the process can answer at all."""
    return {"live": True}


@router.get("/health/ready")
async def ready(request: Request) -> dict[str, bool]:
    """Answer 200 if new requests are welcome."""
    await health.ready(request)
    return {"ready": True}


@router.post("/repository/index")
async def index(request: Request) -> list[dict[str, str]]:
    """List every model, those that could not be loaded included."""
    pool = Service.of(request).pool
    rows = [
        *((name, card.version, "READY", "") for name, card in pool.cards.items()),
        *((name, "", "LOADING", "still being loaded") for name in pool.loading),
        *(
            (name, "", "UNAVAILABLE", shown(error, 1000))
            for name, error in pool.failures.items()
            if name not in pool.loading
        ),
        *((name, "", "UNAVAILABLE", "unloaded") for name in sorted(pool.unloaded)),
    ]
    return [dict(zip(("name", "version", "state", "reason"), row, strict=True)) for row in rows]


@router.get("/models/{name}")
@router.get("/models/{name}/versions/{version}")
async def model(request: Request, name: str, version: str | None = None) -> dict[str, Any]:
    """Describe a model."""
    return metadata(_card(request, name, version))


@router.get("/models/{name}/ready")
@router.get("/models/{name}/versions/{version}/ready")
async def model_ready(request: Request, name: str, version: str | None = None) -> dict[str, Any]:
    """Answer 200 if the model can be asked for samples now."""
    card = _card(request, name, version)
    await health.ready(request)
    return {"name": card.name, "ready": True}


@router.post("/models/{name}/infer")
@router.post("/models/{name}/versions/{version}/infer")
async def infer(request: Request, name: str, version: str | None = None) -> Response:
    """Generate samples."""
    card = _card(request, name, version)
    body, length = await request.body(), request.headers.get(HEADER_LENGTH)
    inference, elements = await off_loop(partial(read, body, length), READ * len(body))
    check_outputs(inference)
    wanted = request_of(card, inference, elements)
    planned = await make_plan(
        request, wanted.count, partial(plan_generate, wanted, Service.of(request))
    )
    run = await submit(request, planned)
    results = await unless_disconnected(request, run.collect())
    answer = {
        "model_name": card.name,
        "model_version": card.version,
        **({} if inference.id is None else {"id": inference.id}),
        "parameters": {"seed": planned.seed, **run.usage()},
    }
    with measured("decode"):
        work = partial(_body, answer, inference, results)
        parts = await off_loop(work, planned.answer_bytes)
        claim_of(request).resize(sum(map(len, parts)))
        if len(parts) == 1:
            return Encoded(parts)
        return Encoded(parts, 200, {HEADER_LENGTH: str(len(parts[0]))}, BINARY)


def _body(answer: dict[str, Any], inference: Inference, results: Sequence[Result]) -> list[bytes]:
    return write(answer, outputs_of(inference, results))


def _card(request: Request, name: str, version: str | None) -> ModelCard:
    card = card_of(name, Service.of(request))
    if version not in (None, card.version):
        message = f"{name} has the version {card.version} and no other"
        raise Problem.field("version", message, "unknown-model")
    return card
