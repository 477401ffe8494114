"""What a request says about the handles of its samples."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sureflow_server.api.part import Number, Part

MAX_TIMES = 64

Moment = Annotated[Number, Field(ge=0, lt=1)]


class RewindOptions(Part):
    """Give every sample a handle: what it takes to look through its trajectory and to edit it."""

    keep: Literal["commit", "all"] | Annotated[tuple[Moment, ...], Field(max_length=MAX_TIMES)] = (
        "commit"
    )
    """Key frames to keep: at the commit point, at each of these times, or at every step. A frame
    saves the evaluations up to it when the sample is edited from there; what is not kept, or had to
    go for want of room, is made again, bit for bit."""

    ttl_s: Annotated[Number, Field(gt=0)] | None = None
    """Seconds for which the handle lives; by default, and at most, what the server allows."""
