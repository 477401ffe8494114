"""What a request says about the handles of its samples."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from sureflow.core.schema import LARGEST, AtMost, Number, Schema

MAX_TIMES = 64

LEAST_TTL_S = 0.1

Moment = Annotated[Number, Field(ge=0, lt=1)]
Moments = Annotated[tuple[Moment, ...], AtMost(MAX_TIMES)]


def _kind(keep: object) -> str:
    return "(name)" if isinstance(keep, str) else "(times)"


Frames = Annotated[
    Annotated[Literal["commit", "all"], Tag("(name)")] | Annotated[Moments, Tag("(times)")],
    Discriminator(_kind),
]
"""Told apart by what they are, so that a complaint is about the one that was meant."""


class RewindOptions(Schema):
    """Give every sample a handle: what it takes to look through its trajectory and to edit it."""

    keep: Frames = "commit"
    """Key frames to keep: at the commit point, at each of these times, or at every step. A frame
    saves the evaluations up to it when the sample is edited from there; what is not kept, or had to
    go for want of room, is made again, bit for bit."""

    ttl_s: Annotated[Number, Field(ge=LEAST_TTL_S, le=LARGEST)] | None = None
    """Seconds for which the handle lives; by default, and at most, what the server allows."""
