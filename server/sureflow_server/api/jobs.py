"""``/v1/jobs``: requests that go on without their clients."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response
from sse_starlette import EventSourceResponse

from sureflow_server.api.access import Guarded, caller
from sureflow_server.api.background import Background
from sureflow_server.api.disconnect import unless_disconnected
from sureflow_server.api.encoded import Encoded, claim_of, encoded
from sureflow_server.api.job_record import JobList, JobRecord
from sureflow_server.api.json_pieces import text
from sureflow_server.api.plan import Plan
from sureflow_server.api.problems import Problem, problems
from sureflow_server.api.remote_job import RemoteJob
from sureflow_server.api.run import Run
from sureflow_server.api.stream import EVENT_STREAM, event_stream
from sureflow_server.api.submit import submit
from sureflow_server.service import Service
from sureflow_server.traces import measured

R = TypeVar("R", bound=Run)

PREFERENCE = "respond-async"

ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "model": JobRecord,
        "description": "`Prefer: respond-async`: the request goes on as a job; ask for it at "
        "`Location`.",
        "headers": {"Location": {"schema": {"type": "string"}}},
    }
}
"""What a route that makes jobs answers besides, in the OpenAPI document."""

router = APIRouter(tags=["jobs"], route_class=Guarded)

SUMMARY_BYTES = 512
"""Of a job in a list, about."""

EVENT_BYTES = 4096
"""Of an event, if nothing is known of it yet."""

_refusals = problems(401, 403, 404, 422, 429, 503)


async def serve(
    request: Request, planned: Plan, document: Callable[[Run], dict[str, Any]]
) -> Response:
    """Make what is planned and answer with it; at once, with a job, if the client prefers that.

    Raises:
        EngineError: It is refused, or some samples could not be made.
        Problem: The key never allows so many samples.
        ClientDisconnect: The client left while it waited.
    """
    asynchronous = _wants_job(request)
    run = await submit(request, planned, progress=asynchronous)
    if asynchronous:
        return await accepted(request, run, document)
    await unless_disconnected(request, run.collect())
    with measured("decode"):
        return await encoded(request, partial(document, run), planned.answer_bytes)


def _wants_job(request: Request) -> bool:
    """Whether the client would rather not wait (RFC 7240, section 4.1)."""
    preferences = ",".join(request.headers.getlist("prefer")).split(",")
    return any(each.split(";")[0].strip().lower() == PREFERENCE for each in preferences)


async def accepted(request: Request, run: R, document: Callable[[R], dict[str, Any]]) -> Response:
    """Let a request go on by itself; answer with how it stands and where to ask."""
    service = Service.of(request)
    job = Background(
        run,
        caller(request),
        request.state.request_id,
        request.url.path,
        partial(document, run),
        service.pool.before,
        service.settings.job_s,
        claim_of(request).handed_on(),
    )
    await service.jobs.add(job)
    root = request.scope.get("root_path", "")
    headers = {"Location": f"{root}/v1/jobs/{job.id}", "Preference-Applied": PREFERENCE}
    # Whole, since it may be kept for another request with the same idempotency key.
    return Encoded((b"".join(_record_of(job)),), 202, headers)


def _record_of(job: Background | RemoteJob) -> tuple[bytes, ...]:
    """How a job stands as JSON, in parts; all who ask share those of its result."""
    opening = text({**job.record(), "result": None}).removesuffix(b"null}")
    return opening, *(job.result or (b"null",)), b"}"


@router.get("/v1/jobs", response_model=JobList, responses=problems(401, 403, 422, 429, 503))
async def listing(request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
    """List one's own jobs, newest first: those under way, and those not forgotten yet."""
    mine = await Service.of(request).jobs.owned(caller(request), limit)
    claim_of(request).take(len(mine) * SUMMARY_BYTES)
    return await encoded(
        request, lambda: {"jobs": [job.summary() for job in mine]}, len(mine) * SUMMARY_BYTES
    )


@router.get("/v1/jobs/{id}", response_model=JobRecord, responses=_refusals)
async def show(request: Request, id: str) -> Response:
    """Show how a job stands, and its result once it is completed."""
    job = await _find(request, id)
    claim_of(request).share(job, sum(map(len, job.result)))
    return Encoded(_record_of(job))


@router.delete("/v1/jobs/{id}", status_code=204, responses=_refusals)
async def discard(request: Request, id: str) -> Response:
    """Cancel a job that is under way, whose lanes are free then; forget one that has ended."""
    await Service.of(request).jobs.discard(await _find(request, id))
    return Response(status_code=204)


@router.get(
    "/v1/jobs/{id}/events",
    response_class=EventSourceResponse,
    responses={200: {"content": {"text/event-stream": EVENT_STREAM}}, **_refusals},
)
async def events(
    request: Request,
    id: str,
    last_event_id: Annotated[
        str | None, Header(description="Number of the last event that is known; others follow.")
    ] = None,
) -> Response:
    """Follow a job: `queued, started, step, sample` and last `completed` or `error`.

    Begins with what has happened already, or after the event that `Last-Event-ID` names. Leaving
    does not cancel the job.
    """
    job = await _find(request, id)
    known = last_event_id or ""
    first = int(known) + 1 if known.isascii() and known.isdecimal() and len(known) < 10 else 0
    claim_of(request).take(job.event_bytes)
    return event_stream(request, job.events(first))


async def _find(request: Request, id: str) -> Background | RemoteJob:
    job = await Service.of(request).jobs.find(id, caller(request))
    if job is None:
        raise Problem("unknown-job", "there is none with this id; it may have been forgotten")
    return job
