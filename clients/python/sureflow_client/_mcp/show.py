"""The tool ``show``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .._handle import Handle
from .._sample import Sample
from .._trajectory import Trajectory, View
from .picture import drawn, picture_of
from .row import rounded
from .tool import Answer, Arguments, Call, Facts, Tool

MOST, MOST_TIMES, COMPONENTS = 36, 12, 8

What = Literal["state", "prediction", "map"]


class Show(Arguments):
    """What to look at."""

    handles: list[str] = Field(min_length=1, max_length=MOST)
    """Of the samples; one, if there are times."""

    t: list[float] | None = Field(None, min_length=1, max_length=MOST_TIMES)
    """Times of its making, 0 (noise) to 1 (finished)."""

    what: list[What] = Field(["prediction"], min_length=1, max_length=3)
    """With times: the state, where it was heading, where it was unsure."""


class Seen(Facts):
    """A sample, or one at a time."""

    handle: str | None = None
    confidence: float | None = None
    t: float | None = None
    rate: float | None = None

    values: list[float] | None = None


class ShowFacts(Facts):
    """What is seen, in the order of the picture."""

    shape: list[int]
    seen: list[Seen]


async def _run(call: Call, asked: Show) -> Answer:
    if asked.t is None:
        return await _samples([await call.client.handle(one) for one in asked.handles])
    if len(asked.handles) > 1:
        raise ValueError("handles: one at a time, with t")
    trajectory = await call.client.frames(
        asked.handles[0], asked.t, show=[*dict.fromkeys(("prediction", *asked.what))]
    )
    return await _frames(trajectory)


async def _samples(handles: list[Handle]) -> Answer:
    seen = [
        Seen(
            handle=handle.id,
            confidence=rounded(handle.sample.confidence),
            values=_values(handle.sample),
        )
        for handle in handles
    ]
    shape = [*handles[0].sample.shape]
    picture = await picture_of([handle.sample for handle in handles])
    return Answer(
        f"{len(seen)} samples, in the order that was asked for.", _facts(shape, seen), picture
    )


def _facts(shape: list[int], seen: list[Seen]) -> ShowFacts:
    return ShowFacts(shape=shape, seen=seen)


def _values(sample: Sample) -> list[float] | None:
    if sample.data is None or len(sample.shape) == 3:
        return None
    return [float(f"{number:.4g}") for number in sample.array().ravel()[:COMPONENTS].tolist()]


async def _frames(trajectory: Trajectory) -> Answer:
    images = len(trajectory.shape) == 3
    rows = None if images else trajectory.predictions()
    seen = [
        _seen(view, None if rows is None else rows[i].ravel()[:COMPONENTS].tolist())
        for i, view in enumerate(trajectory.views)
    ]
    picture = await drawn(trajectory.strip) if images and trajectory.views else None
    says = f"{len(seen)} moments of its making, from noise (t = 0) to the sample (t = 1)."
    return Answer(says, _facts([*trajectory.shape], seen), picture)


def _seen(view: View, values: list[float] | None) -> Seen:
    return Seen(
        t=round(view.t, 4),
        rate=rounded(view.rate),
        values=None if values is None else [float(f"{number:.4g}") for number in values],
    )


SHOW = Tool(
    "show",
    "Show samples; or how one came about, at times from 0 to 1.",
    Show,
    ShowFacts,
    _run,
)
