"""``POST /v1/generate``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from sureflow_server.api.accept import negotiate
from sureflow_server.api.answer import answer, facts, record, tensors
from sureflow_server.api.disconnect import unless_disconnected
from sureflow_server.api.encoding import png
from sureflow_server.api.examples import REQUESTS
from sureflow_server.api.plan import Plan, plan
from sureflow_server.api.problems import Problem, problems
from sureflow_server.api.requests import GenerateRequest
from sureflow_server.api.responses import GenerateResponse
from sureflow_server.api.run import Result, Run
from sureflow_server.api.stream import stream
from sureflow_server.service import Service
from sureflow_server.traces import measured

JSON, TENSORS, PNG, EVENTS = (
    "application/json",
    "application/x-safetensors",
    "image/png",
    "text/event-stream",
)
OFFERED = (JSON, TENSORS, PNG, EVENTS)
CLIENT_CLOSED_REQUEST = 499

router = APIRouter(tags=["generate"])

_binary: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_responses: dict[int | str, dict[str, Any]] = {
    200: {
        "model": GenerateResponse,
        "content": {
            TENSORS: _binary,
            PNG: _binary,
            EVENTS: {"schema": {"type": "string"}},
        },
    },
    204: {"description": "`Accept: image/png`, and the one sample was withheld or is not finite."},
    **problems(400, 404, 406, 413, 415, 422, 429, 500, 503, 504),
}


@router.post("/v1/generate", responses=_responses, response_class=Response)
@router.post("/generate", include_in_schema=False)
async def generate(
    request: Request, body: Annotated[GenerateRequest, Body(openapi_examples=REQUESTS)]
) -> Response:
    """Generate samples, each with a confidence computed in the same forward passes.

    `Accept` chooses the form of the answer: `application/json`; `application/x-safetensors` with
    the tensors `samples`, `confidence`, `uncertainty` (and `map`), the JSON answer being the
    metadata entry `record`; `image/png` for a single image, its record in the header
    `X-Sureflow-Record`; `text/event-stream` for the events `queued, started, step, sample` and
    last `completed` or `error`.
    """
    planned = plan(body, Service.of(request))
    media_type = _media_type(request, planned)
    run = submit(request, planned, progress=media_type == EVENTS)
    if media_type == EVENTS:
        return stream(request, run)
    try:
        results = await unless_disconnected(request, run.collect())
    except ClientDisconnect:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    with measured("decode"):
        return _answer(request.state.request_id, run, results, media_type)


def _answer(request_id: str, run: Run, results: Sequence[Result], media_type: str) -> Response:
    if media_type == TENSORS:
        return Response(tensors(run, results, request_id), media_type=TENSORS)
    if media_type == PNG:
        best = next((result for result in results if result.accepted), results[0])
        return _image(run, best, request_id)
    return JSONResponse(answer(run, request_id, [record(result, run.plan) for result in results]))


def submit(request: Request, planned: Plan, *, progress: bool = False) -> Run:
    """Hand a planned request to the engine, on the terms of who sent it.

    Raises:
        EngineError: It is refused.
    """
    service = Service.of(request)
    job = service.pool.submit(
        planned.card,
        planned.lanes,
        progress=progress,
        owner=_owner(request),
        priority=planned.priority,
        deadline_s=planned.deadline_s,
        follow=planned.follow,
    )
    return Run(planned, job, service.metrics)


def _owner(request: Request) -> str:
    """Who shares the server with the others: as long as nobody has a key, an address."""
    return request.client.host if request.client else ""


def _media_type(request: Request, planned: Plan) -> str:
    chosen = negotiate(request.headers.get("accept"), OFFERED)
    if chosen is None:
        raise Problem("not-acceptable", f"this path answers as {', '.join(OFFERED)}")
    if chosen == PNG and planned.form != "png":
        raise Problem("not-acceptable", f"{planned.card.name} is not asked for images")
    if chosen == PNG and len(planned.lanes) != 1:
        raise Problem("not-acceptable", "image/png holds one image: ask for n = 1, or for JSON")
    return chosen


def _image(run: Run, result: Result, request_id: str) -> Response:
    document = answer(run, request_id, [facts(result)])
    headers = {"X-Sureflow-Record": json.dumps(document, allow_nan=False)}
    if result.withheld or result.sample.finish_reason == "diverged":
        return Response(status_code=204, headers=headers)
    return Response(png(result.sample.data), media_type=PNG, headers=headers)
