"""``POST /v1/invert``."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from sureflow.lane import LaneSpec
from sureflow.origin import Inverted
from sureflow_server.api.access import Guarded
from sureflow_server.api.answer import whole
from sureflow_server.api.arrays import read
from sureflow_server.api.disconnect import CLIENT_CLOSED_REQUEST, unless_disconnected
from sureflow_server.api.examples import INVERSIONS
from sureflow_server.api.invert_request import InvertRequest
from sureflow_server.api.jobs import ACCEPTED, accepted, wants_job
from sureflow_server.api.keeping import keeping
from sureflow_server.api.once import PARAMETERS, once
from sureflow_server.api.plan import Plan
from sureflow_server.api.problems import Problem, problems
from sureflow_server.api.resolve import (
    card_of,
    check_grid,
    check_guidance,
    form_of,
    label_of,
    scores_of,
)
from sureflow_server.api.responses import GenerateResponse
from sureflow_server.api.submit import submit
from sureflow_server.service import Service

router = APIRouter(tags=["rewind"], route_class=Guarded)

_responses: dict[int | str, dict[str, Any]] = {
    200: {"model": GenerateResponse},
    **ACCEPTED,
    **problems(400, 401, 403, 404, 408, 413, 415, 422, 429, 500, 503, 504),
}


@router.post("/v1/invert", responses=_responses, response_class=Response, openapi_extra=PARAMETERS)
@router.post("/invert", include_in_schema=False)
async def invert(
    request: Request, body: Annotated[InvertRequest, Body(openapi_examples=INVERSIONS)]
) -> Response:
    """Score samples of one's own, and make them fit to be edited.

    The flow runs from each back to noise, and from that noise on as for any sample; `data` is what
    it comes to, and `inversion_error` how far that is from what was given.
    """
    return await once(request, partial(_invert, request, body))


async def _invert(request: Request, body: InvertRequest) -> Response:
    asynchronous = wants_job(request)
    run = await submit(request, _plan(body, Service.of(request)), progress=asynchronous)
    document = partial(whole, run, request.state.request_id)
    if asynchronous:
        return await accepted(request, run, document)
    try:
        await unless_disconnected(request, run.collect())
    except ClientDisconnect:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    return JSONResponse(document())


def _plan(request: InvertRequest, service: Service) -> Plan:
    limit = service.settings.max_samples_per_request
    if len(request.samples) > limit:
        raise Problem.field("samples", f"at most {limit} per request, got {len(request.samples)}")
    card = card_of(request.model, service)
    label = None
    if request.condition is not None:
        label = label_of(request.condition.label, card, "condition.label")
    scale = request.guidance.scale
    check_guidance(scale, label, "guidance.scale")
    check_grid(request.sampler, card)
    if request.sampler.parallel is not None:
        raise Problem.field("sampler.parallel", "steps made in parallel cannot be taken back")
    kept = keeping(request.rewind, service.settings)
    spec = LaneSpec(
        request.seed,
        0,
        label=label,
        guidance=scale,
        scores=scores_of(request.confidence, card, label, scale),
        keep=() if kept is None else kept.keep,
        **request.sampler.lane(),
    )
    origins = [
        Inverted(read(written, card.shape, f"samples.{index}"))
        for index, written in enumerate(request.samples)
    ]
    return Plan(
        kind="invert",
        card=card,
        seed=request.seed,
        lanes=tuple(
            replace(spec, index=index, origin=origin) for index, origin in enumerate(origins)
        ),
        filter=None,
        form=form_of(request.output, card),
        profile=request.confidence.profile,
        map=request.confidence.map,
        deadline_s=request.deadline_s,
        priority=request.priority,
        keeping=kept,
    )
