"""Server-sent events: samples as they finish."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from itertools import count
from typing import Any

from fastapi import Request
from sse_starlette import EventSourceResponse
from sse_starlette.sse import AppStatus

from sureflow_server.api.answer import head, record, tail
from sureflow_server.api.answer_budget import Claim
from sureflow_server.api.encoded import claim_of
from sureflow_server.api.json_pieces import text
from sureflow_server.api.off_loop import off_loop
from sureflow_server.api.plan import Plan
from sureflow_server.api.problems import to_problem
from sureflow_server.api.run import Result, Run
from sureflow_server.engine.errors import EngineError
from sureflow_server.engine.messages import Progress, Started

HEARTBEAT_S = 15

Events = AsyncGenerator[tuple[int | None, str, bytes], None]
"""Number, if it has one, name and data of each event, the data as JSON."""

OTHER = re.compile(r"[^\x00-\x7f]+")
"""Characters that are escaped in events."""

EVENT_STREAM: dict[str, Any] = {
    "schema": {
        "description": "Each event of the stream; its data is a JSON object.",
        "type": "object",
        "required": ["event", "data"],
        "properties": {
            "id": {"type": "string"},
            "event": {"enum": ["queued", "started", "step", "sample", "completed", "error"]},
            "data": {"type": "string", "contentMediaType": "application/json"},
        },
    }
}
"""How the OpenAPI document describes a stream of events."""

# Left alone, the library cuts streams off at SIGTERM; ours end by themselves, and must first.
AppStatus.enable_automatic_graceful_drain = False


def stream(request: Request, run: Run) -> EventSourceResponse:
    """Answer with ``queued, started, step…, sample…`` and last ``completed`` or ``error``."""
    return event_stream(request, _events(request, run))


def event_stream(request: Request, events: Events) -> EventSourceResponse:
    """Answer with events as they come; the claim of the request comes to the largest of them."""
    content = _written(events, claim_of(request))
    return EventSourceResponse(content, ping=HEARTBEAT_S, sep="\n")


async def _written(events: Events, claim: Claim) -> AsyncGenerator[bytes, None]:
    async with aclosing(events):
        async for number, name, data in events:
            claim.resize(max(claim.size, len(data)))
            id = "" if number is None else f"id: {number}\r\n"
            yield b"%bdata: %b\r\n\r\n" % (f"{id}event: {name}\r\n".encode(), _escaped(data))
            # Events that are there already would be sent without a turn for others.
            await asyncio.sleep(0)


def _escaped(data: bytes) -> bytes:
    """JSON in ASCII."""
    if data.isascii():
        return data
    return OTHER.sub(lambda found: json.dumps(found[0])[1:-1], data.decode()).encode()


async def _events(request: Request, run: Run) -> Events:
    plan, numbers = run.plan, count()
    opening = head(plan, request.state.request_id)
    yield next(numbers), "queued", text({**opening, "n": len(plan.lanes)})
    try:
        async with aclosing(run.events()) as events:
            async for event in events:
                if isinstance(event, Started | Progress | Result):
                    work = partial(named, event, plan)
                    size = plan.record_bytes if isinstance(event, Result) else 0
                    yield next(numbers), *await off_loop(work, size)
    except EngineError as error:
        problem = to_problem(error).as_json(request.url.path, request.state.request_id)
        yield next(numbers), "error", text(problem)
    else:
        yield next(numbers), "completed", text({**opening, "n": len(run.results), **tail(run)})


def named(event: Started | Progress | Result, plan: Plan) -> tuple[str, bytes]:
    """The name of an event and its data."""
    if isinstance(event, Result):
        return "sample", text(record(event, plan))
    if isinstance(event, Started):
        return "started", text({"n": len(plan.lanes)})
    return "step", text({"index": plan.index_of(event.lane), "step": event.step, "t": event.t})
