"""Server-sent events: samples as they finish."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from itertools import count
from typing import Any

from fastapi import Request
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import AppStatus

from sureflow_server.api.answer import head, record, tail
from sureflow_server.api.problems import to_problem
from sureflow_server.api.run import Result, Run
from sureflow_server.engine.errors import EngineError
from sureflow_server.engine.messages import Progress, Started

HEARTBEAT_S = 15

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
    return EventSourceResponse(_numbered(_events(request, run)), ping=HEARTBEAT_S, sep="\n")


async def _numbered(
    events: AsyncGenerator[tuple[str, dict[str, Any]], None],
) -> AsyncGenerator[ServerSentEvent, None]:
    numbers = count()
    async with aclosing(events):
        async for name, data in events:
            text = json.dumps(data, allow_nan=False, separators=(",", ":"))
            yield ServerSentEvent(text, event=name, id=str(next(numbers)))


async def _events(request: Request, run: Run) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
    plan = run.plan
    opening = head(plan, request.state.request_id)
    yield "queued", {**opening, "n": len(plan.lanes)}
    try:
        async with aclosing(run.events()) as events:
            async for event in events:
                if event is not None:
                    yield named(event, run)
    except EngineError as error:
        yield "error", to_problem(error).document(request)
    else:
        yield "completed", {**opening, "n": len(run.results), **tail(run)}


def named(event: Started | Progress | Result, run: Run) -> tuple[str, dict[str, Any]]:
    """Return the name of an event and its data."""
    if isinstance(event, Result):
        return "sample", record(event, run.plan)
    if isinstance(event, Started):
        return "started", {"n": len(run.plan.lanes)}
    return "step", {"index": event.lane, "step": event.step, "t": event.t}
