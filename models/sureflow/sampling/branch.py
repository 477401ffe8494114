"""Offline edits: samples resumed from one of their steps."""

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
    """Resume a sample from one of its steps, with operations or with other fields.

    If the sample has a frame of that step, the edit costs only the remaining steps. Without a
    frame, the steps before are made again.

    Args:
        model: The model that made the sample.
        sample: The sample.
        at: The step. A time means the last step that began at or before it.
        operations: Operations to apply at that step, in this order.
        branches: Number of branches, each with an index and noise of its own.
        capacity: Lanes in flight at once; it changes the speed, never the samples.
        fields: Fields of :class:`~sureflow.core.lane.LaneSpec` to change from that step on, such
            as ``label``, ``guidance``, ``seed``, ``steps``, or ``keep``.

    Returns:
        The branches. Without operations and fields, the first has the bytes of the sample.

    Raises:
        ValueError: An argument is not valid; the message begins with its name.
    """
    check_count("branches", branches, 0)
    step = step_of(sample, at)
    origin = Branch(sample.spec, step, tuple(operations), nearest(sample.frames, step))
    plain: dict[str, Any] = {"keep": (), "shift": 0.0, "watch": (), "halt": None, "early": None}
    child = replace(sample.spec, **{**plain, **fields}, origin=origin)
    if branches:
        model.check(child)
    specs = [replace(child, index=child.index + number) for number in range(branches)]
    return run(model, specs, capacity)


def step_of(sample: Sample, at: At) -> int:
    """The step from which a sample is resumed.

    Raises:
        ValueError: The sample has no such step.
    """
    last = sample.accepted - 1
    if at == "commit":
        return min(sample.commit.step, last)
    if not isinstance(at, int | float | np.number):
        raise ValueError(f"at: {at!r} is neither a step, nor a time, nor commit")
    if isinstance(at, int):
        if not 0 <= at <= last:
            raise ValueError(f"at: step {at} is not in 0 .. {last}")
        return at
    if not 0 <= at <= 1:
        raise ValueError(f"at: time {at} is not in 0 .. 1")
    return step_at(sample.t, at)
