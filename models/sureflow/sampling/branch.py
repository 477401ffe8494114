"""Offline edits: samples taken up again where they stood."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from sureflow.core.commit import step_at
from sureflow.core.field_types import check_count
from sureflow.core.frame import nearest
from sureflow.core.lane import Sample
from sureflow.core.origin import Branch
from sureflow.model import Model
from sureflow.sampling.sample import run

At = float | int | Literal["commit"]
"""A number of steps (an integer), a time in [0, 1] (a float), or the commit point."""


def edit(
    model: Model,
    sample: Sample,
    at: At = "commit",
    operations: Iterable[object] = (),
    *,
    branches: int = 1,
    capacity: int = 32,
    **fields: Any,
) -> list[Sample]:
    """Take a sample up again where it stood, and send it elsewhere from there.

    What the sample has of frames is used: with one of the moment asked for, an edit costs the
    steps that are left; without any, the way there is made again.

    Args:
        model: That which made the sample.
        sample: The sample.
        at: Where: a time means the last step that began there or before.
        operations: What is done there, in this order.
        branches: How many; branch ``i`` has the index of the sample plus ``i``, by which what it
            draws differs from that of the others.
        capacity: Lanes in flight at once; it changes the speed, never the samples.
        fields: Fields of :class:`~sureflow.core.lane.LaneSpec` that differ from there on, such as
            ``label``, ``guidance``, ``seed``, ``steps``, or ``keep``.

    Returns:
        The branches. Without operations and fields the first has the bytes of the sample.

    Raises:
        ValueError: It cannot be done; the message begins with what is wrong.
    """
    check_count("branches", branches, 0)
    step = step_of(sample, at)
    frame = nearest(sample.frames, step)
    origin = Branch(sample.spec, step, tuple(operations), frame)
    unseen: dict[str, Any] = {"keep": (), "shift": 0.0, "watch": (), "halt": None, "early": None}
    child = replace(sample.spec, **{**unseen, **fields}, origin=origin)
    specs = [replace(child, index=child.index + number) for number in range(branches)]
    for spec in specs[:1]:
        model.check(spec)
    return run(model, specs, capacity)


def step_of(sample: Sample, at: At) -> int:
    """The step at whose beginning a sample is taken up again.

    Raises:
        ValueError: It has no such moment.
    """
    if at == "commit":
        return min(sample.commit.step, sample.accepted - 1)
    if not isinstance(at, int | float | np.number):
        raise ValueError(f"at: {at!r} is neither a step, nor a time, nor commit")
    last = sample.accepted - 1
    if isinstance(at, int):
        if not 0 <= at <= last:
            raise ValueError(f"at: step {at} is not in 0 .. {last}")
        return at
    if not 0 <= at <= 1:
        raise ValueError(f"at: time {at} is not in 0 .. 1")
    return step_at(sample.t, at)
