"""``POST /v1/invert``."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import Response

from sureflow.core.family import family_of
from sureflow.core.lane import Inverted
from sureflow_server.api.access import Guarded
from sureflow_server.api.answer import whole
from sureflow_server.api.examples import INVERSIONS
from sureflow_server.api.family_part import read_part
from sureflow_server.api.handle_options import handle_options
from sureflow_server.api.idempotency import PARAMETERS, idempotent
from sureflow_server.api.invert_request import InvertRequest
from sureflow_server.api.jobs import ACCEPTED, serve
from sureflow_server.api.plan import Plan
from sureflow_server.api.planning import make_plan
from sureflow_server.api.problems import Problem, problems
from sureflow_server.api.resolve import card_of, form_of, lane_of, scores_of
from sureflow_server.api.responses import GenerateResponse
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

    The model runs from each back to noise, and from that noise on as for any sample; `data` is what
    it comes to, and `inversion_error` how far that is from what was given. `likelihood` and
    `divergence` are measured on the way back, so they are of what was given; other scores are of
    `data`. Where the error is above 0.1, `confidence` is null, and a warning says so.
    """
    return await idempotent(request, partial(_invert, request, body))


async def _invert(request: Request, body: InvertRequest) -> Response:
    document = partial(whole, request_id=request.state.request_id)
    plan = partial(_plan, body, Service.of(request))
    planned = await make_plan(request, len(body.samples), plan)
    return await serve(request, planned, document)


def _plan(request: InvertRequest, service: Service) -> Plan:
    limit = service.settings.max_samples_per_request
    if len(request.samples) > limit:
        raise Problem.field("samples", f"at most {limit} per request, got {len(request.samples)}")
    card = card_of(request.model, service)
    family = family_of(card)
    if family.inversion is None:
        raise Problem.field("model", f"samples of {card.name} cannot be inverted")
    usual = family.inversion.model_dump(exclude_unset=True)
    sampler = read_part(family.sampler, family.completed(request.sampler, usual), "sampler")
    spec = lane_of(card, request.seed, request.condition, request.guidance, sampler)
    family.check_inversion(spec)
    kept = handle_options(request.rewind, service.settings)
    spec = replace(
        spec,
        scores=scores_of(request.confidence, card, spec),
        keep=() if kept is None else kept.keep,
    )
    sized = family.sized(card, spec)
    given = [
        family.given_sample(sized, each, f"samples.{n}") for n, each in enumerate(request.samples)
    ]
    return Plan(
        kind="invert",
        card=card,
        seed=request.seed,
        lanes=tuple(
            replace(spec, index=request.first + n, origin=Inverted(x)) for n, x in enumerate(given)
        ),
        form=form_of(request.output, card),
        profile=request.confidence.profile,
        map=request.confidence.map,
        deadline_s=request.deadline_s,
        priority=request.priority,
        handles=kept,
        asked=request,
    )
