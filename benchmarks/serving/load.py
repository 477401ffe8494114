"""An open-loop load generator: requests leave at their times, however slow the server is."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

Prepare = Callable[[dict[str, Any], float], Any]

LEAD_S = 0.2
"""Between the call and time zero, so that the first request is not late."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request to send ``at`` seconds after time zero."""

    at: float
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a call.

    Attributes:
        status: HTTP status; 0 where no answer came, or none before the cut-off.
        latency: Seconds from the time at which the call was due, not from when it was sent, to the
            last byte of the answer; infinite where none came.
        late: Seconds by which the generator itself was late.
        document: The JSON answer to a call that succeeded.
        reason: Status and, where the answer names one, type of a refusal.
    """

    status: int
    latency: float
    late: float
    document: Any = None
    reason: str = ""


async def play(
    client: httpx.AsyncClient,
    path: str,
    calls: Sequence[Call],
    patience: float,
    prepare: Prepare = lambda body, due: body,
) -> list[Reply]:
    """Send every call at its time and wait for the answers.

    Args:
        client: Without limits on connections, so that it never queues by itself.
        path: Where to post.
        calls: In any order.
        patience: Seconds after the last arrival at which those still unanswered are given up.
        prepare: Makes what is sent out of a body and the time at which it was due, on the system's
            monotonic clock.

    Returns:
        The replies in the order of the calls.
    """
    zero = time.monotonic() + LEAD_S
    tasks = [asyncio.create_task(_one(client, path, call, zero, prepare)) for call in calls]
    end = zero + max((call.at for call in calls), default=0.0) + patience
    if tasks:
        await asyncio.wait(tasks, timeout=end - time.monotonic())
    for task in tasks:
        task.cancel()
    replies = await asyncio.gather(*tasks, return_exceptions=True)
    return [_settled(reply) for reply in replies]


async def _one(
    client: httpx.AsyncClient, path: str, call: Call, zero: float, prepare: Prepare
) -> Reply:
    due = zero + call.at
    await asyncio.sleep(due - time.monotonic())
    late = time.monotonic() - due
    try:
        answer = await client.post(path, json=prepare(call.body, due))
    except httpx.TransportError:
        return Reply(0, float("inf"), late)
    latency = time.monotonic() - due
    if answer.status_code == httpx.codes.OK:
        return Reply(answer.status_code, latency, late, answer.json())
    return Reply(answer.status_code, latency, late, reason=_reason(answer))


def _reason(answer: httpx.Response) -> str:
    """The status, and the type of the problem document if it is one (RFC 9457)."""
    kind = ""
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        kind = re.split("[/:]", answer.json().get("type", ""))[-1]
    return f"{answer.status_code} {kind}".strip()


def _settled(reply: Reply | BaseException) -> Reply:
    if isinstance(reply, asyncio.CancelledError):
        return Reply(0, float("inf"), 0.0)
    if isinstance(reply, BaseException):
        raise reply
    return reply
