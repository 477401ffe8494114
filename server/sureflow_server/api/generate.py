"""``POST /v1/generate``."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Body, Request
from fastapi.responses import Response

from sureflow.core.family import families
from sureflow_server.api.accept import negotiate
from sureflow_server.api.access import Guarded
from sureflow_server.api.answer import answer, facts, tensors, whole
from sureflow_server.api.disconnect import unless_disconnected
from sureflow_server.api.encoded import JSON, Encoded, claim_of
from sureflow_server.api.examples import REQUESTS
from sureflow_server.api.generate_plan import plan_generate
from sureflow_server.api.idempotency import PARAMETERS, idempotent, refuse_streams
from sureflow_server.api.jobs import ACCEPTED, serve
from sureflow_server.api.off_loop import off_loop
from sureflow_server.api.plan import Plan
from sureflow_server.api.planning import make_plan
from sureflow_server.api.problems import Problem, problems
from sureflow_server.api.requests import GenerateRequest
from sureflow_server.api.responses import GenerateResponse
from sureflow_server.api.run import Result, Run
from sureflow_server.api.stream import EVENT_STREAM, stream
from sureflow_server.api.submit import submit
from sureflow_server.service import Service
from sureflow_server.traces import measured

TENSORS, EVENTS = "application/x-safetensors", "text/event-stream"
ALONE = {
    family.codec.media_types[form]: form
    for family in families().values()
    for form in family.codec.standalone
}
"""Forms in which a single sample can be the whole answer, by media type."""

OFFERED = (JSON, TENSORS, *ALONE, EVENTS)

router = APIRouter(tags=["generate"], route_class=Guarded)

_binary: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_responses: dict[int | str, dict[str, Any]] = {
    200: {
        "model": GenerateResponse,
        "content": {TENSORS: _binary, **dict.fromkeys(ALONE, _binary), EVENTS: EVENT_STREAM},
    },
    **ACCEPTED,
    204: {"description": "`Accept: image/png`, and the one sample was withheld or is not finite."},
    **problems(400, 401, 403, 404, 406, 408, 413, 415, 422, 429, 500, 503, 504),
}


@router.post(
    "/v1/generate", responses=_responses, response_class=Response, openapi_extra=PARAMETERS
)
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

    With an `Idempotency-Key` the request is done once, however often it is sent; streams take none.
    """
    return await idempotent(request, partial(_generate, request, body))


async def _generate(request: Request, body: GenerateRequest) -> Response:
    plan = partial(plan_generate, body, Service.of(request))
    planned = await make_plan(request, body.count, plan)
    planned, media_type = _negotiated(request, planned, body.output.format is None)
    request_id = request.state.request_id
    if media_type == JSON:
        return await serve(request, planned, partial(whole, request_id=request_id))
    run = await submit(request, planned, progress=media_type == EVENTS)
    if media_type == EVENTS:
        return stream(request, run)
    results = await unless_disconnected(request, run.collect())
    with measured("decode"):
        if media_type == TENSORS:
            work = partial(tensors, run, results, request_id)
            file = await off_loop(work, planned.answer_bytes)
            claim_of(request).resize(len(file))
            return Encoded((file,), media_type=TENSORS)
        best = next((result for result in results if result.accepted), results[0])
        return await off_loop(partial(_alone, run, best, request_id), planned.answer_bytes)


def _negotiated(request: Request, planned: Plan, free: bool) -> tuple[Plan, str]:
    """The media type of the answer, and the plan in the form that it takes if that is free."""
    chosen = negotiate(request.headers.get("accept"), OFFERED)
    if chosen is None:
        raise Problem("not-acceptable", f"this path answers as {', '.join(OFFERED)}")
    if chosen == EVENTS:
        refuse_streams(request)
    if (form := ALONE.get(chosen)) is None:
        return planned, chosen
    if free and form in planned.family.codec.formats(planned.card):
        planned = replace(planned, form=form)
    if planned.form != form:
        raise Problem("not-acceptable", f"{planned.card.name} is not asked for {chosen}")
    if len(planned.lanes) != 1:
        raise Problem("not-acceptable", f"{chosen} holds one sample: ask for n = 1, or for JSON")
    return planned, chosen


def _alone(run: Run, result: Result, request_id: str) -> Response:
    document = answer(run, request_id, [facts(result, run.plan)])
    headers = {"X-Sureflow-Record": json.dumps(document, allow_nan=False)}
    sample = result.sample
    # What was abandoned before it was decoded has no data.
    empty = sample.finish_reason == "diverged" or not np.isfinite(sample.data).all()
    if result.withheld or empty:
        return Response(status_code=204, headers=headers)
    codec, form = run.plan.family.codec.of(run.plan.card), run.plan.form
    data = codec.file(sample.data, form)
    return Encoded((data,), media_type=codec.media_types[form], headers=headers)
