"""``POST /v1/edit``."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import Response

from sureflow_server.api.access import Guarded
from sureflow_server.api.answer import answer, encoded_record, record
from sureflow_server.api.edit_plan import branching_step, plan_edit
from sureflow_server.api.edit_request import EditRequest
from sureflow_server.api.examples import EDITS
from sureflow_server.api.idempotency import PARAMETERS, idempotent
from sureflow_server.api.jobs import ACCEPTED, serve
from sureflow_server.api.opened_handle import card_of_handle, inexact, open_handle
from sureflow_server.api.original import sample_record, surest
from sureflow_server.api.planning import make_plan
from sureflow_server.api.problems import Problem, problems
from sureflow_server.api.responses import EditResponse
from sureflow_server.api.run import Run
from sureflow_server.engine.errors import ImpossibleError
from sureflow_server.service import Service

router = APIRouter(tags=["rewind"], route_class=Guarded)

_responses: dict[int | str, dict[str, Any]] = {
    200: {"model": EditResponse},
    **ACCEPTED,
    **problems(400, 401, 403, 404, 408, 409, 410, 413, 415, 422, 429, 500, 503, 504, 507),
}


@router.post("/v1/edit", responses=_responses, response_class=Response, openapi_extra=PARAMETERS)
@router.post("/edit", include_in_schema=False)
async def edit(
    request: Request, body: Annotated[EditRequest, Body(openapi_examples=EDITS)]
) -> Response:
    """Take a trajectory up again where it was, and send it elsewhere.

    Costs the evaluations of what is left of the trajectory, if it has a key frame where it is taken
    up. The original competes with its branches: `chosen` is the surest of all.
    """
    return await idempotent(request, partial(_edit, request, body))


async def _edit(request: Request, body: EditRequest) -> Response:
    service, request_id = Service.of(request), request.state.request_id
    opened = await open_handle(request, body.handle)
    card = card_of_handle(opened, service)
    doubt = inexact(opened, card)
    if doubt is not None and body.require_exact:
        raise Problem.field("require_exact", doubt, "replay-approximate")
    step = branching_step(body, opened)
    frame = await opened.frame(service.store, step)
    frames = await service.store.frames(body.handle)
    judges = service.judges.names
    known = service.settings, judges, service.withdrawn
    plan = partial(plan_edit, body, opened, card, step, frame, *known)
    planned = await make_plan(request, body.branches, plan)
    planned = replace(planned, exact=doubt is None)

    def document(run: Run) -> dict[str, Any]:
        results, best = run.ordered, body.keep == "best"
        chosen = surest(results, opened.facts)
        records = (
            record(result, planned, withheld=True)
            if best and place != chosen
            else encoded_record(result, planned)
            for place, result in enumerate(results)
        )
        whole = answer(run, request_id, records)
        if doubt is not None:
            whole |= {"warnings": [*whole["warnings"], doubt], "replay": "approximate"}
        form, profile, map = planned.form, planned.profile, planned.map
        return {
            **whole,
            "at": {"t": round(float(opened.t[step]), 6), "step": step},
            "original": sample_record(
                opened,
                planned.card,
                frames,
                form,
                profile,
                map,
                withheld=best and chosen is not None,
            ),
            "chosen": chosen,
        }

    try:
        return await serve(request, planned, document)
    except ImpossibleError as error:
        raise planned.named(error) from error
