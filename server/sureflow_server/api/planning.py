"""Plans are made beside the event loop where the request is long or asks for much."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fastapi import Request

from sureflow_server.api.off_loop import READ, off_loop

P = TypeVar("P")

LANE_BYTES = 256
"""Bytes that are made in the time in which a lane is planned."""


async def make_plan(request: Request, lanes: int, plan: Callable[[], P]) -> P:
    """Return the plan of a request whose body has arrived.

    Args:
        request: Whose arrays, texts and names the plan reads.
        lanes: How many it comes to, about.
        plan: Makes it.
    """
    return await off_loop(plan, READ * len(await request.body()) + LANE_BYTES * lanes)
