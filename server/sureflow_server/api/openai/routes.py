"""``POST /v1/images/generations``."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import Response

from sureflow_server.api.access import Guarded
from sureflow_server.api.dialect import OPENAI, OpenAIError
from sureflow_server.api.examples import IMAGES
from sureflow_server.api.idempotency import PARAMETERS, idempotent, refuse_streams
from sureflow_server.api.jobs import ACCEPTED, serve
from sureflow_server.api.openai.image_answer import images_answer
from sureflow_server.api.openai.image_plan import plan_images
from sureflow_server.api.openai.image_record import EVENTS, ImagesResponse
from sureflow_server.api.openai.image_request import ImageRequest
from sureflow_server.api.openai.image_stream import image_events
from sureflow_server.api.planning import make_plan
from sureflow_server.api.problems import problems
from sureflow_server.api.stream import event_stream
from sureflow_server.api.submit import submit
from sureflow_server.service import Service

router = APIRouter(prefix=OPENAI.prefix, tags=["generate"], route_class=Guarded)

_statuses = (400, 401, 403, 404, 406, 408, 413, 415, 422, 429, 500, 503, 504)
_responses: dict[int | str, dict[str, Any]] = {
    200: {"model": ImagesResponse, "content": {"text/event-stream": EVENTS}},
    **ACCEPTED,
    **problems(*_statuses, document=OpenAIError),
}


@router.post(
    "/generations", responses=_responses, response_class=Response, openapi_extra=PARAMETERS
)
async def generate_images(
    request: Request, body: Annotated[ImageRequest, Body(openapi_examples=IMAGES)]
) -> Response:
    """Generate images, as clients of OpenAI ask for them, each with its confidence.

    Every field of `POST /v1/generate` may be there as well, under its own name; the images are
    those of that path, byte for byte. Errors have OpenAI's form, and what does not fit gets 400.
    """
    return await idempotent(request, partial(_generate, request, body))


async def _generate(request: Request, body: ImageRequest) -> Response:
    if body.stream:
        refuse_streams(request)
    plan = partial(plan_images, body, Service.of(request))
    asked = await make_plan(request, body.count, plan)
    request_id = request.state.request_id
    if not body.stream:
        document = partial(images_answer, request_id=request_id, asked=asked)
        return await serve(request, asked.plan, document)
    run = await submit(request, asked.plan, progress=bool(body.partial_images))
    return event_stream(request, image_events(run, request_id, asked))
