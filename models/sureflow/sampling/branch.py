"""Offline edits: samples taken up again, and given samples taken back to their noise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sureflow.core.commit import step_at
from sureflow.core.field_types import check_count
from sureflow.core.frame import nearest
from sureflow.core.lane import Array, Sample
from sureflow.core.origin import Branch, Inverted
from sureflow.families.flow.operations import Operation
from sureflow.families.flow.spec import FlowSpec
from sureflow.sampling.sample import run

if TYPE_CHECKING:
    from sureflow.model import Model

At = float | int | Literal["commit"]
"""A number of steps (an integer), a time in [0, 1] (a float), or the commit point."""


def edit(
    model: Model,
    sample: Sample,
    at: At = "commit",
    operations: Iterable[Operation] = (),
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


def invert(
    model: Model,
    data: Array | Sequence[Array],
    *,
    method: str = "dopri5",
    tolerance: float | None = 1e-5,
    capacity: int = 32,
    **fields: Any,
) -> list[Sample]:
    """Find the noise from which the flow makes given samples, and make them again from there.

    Args:
        model: From :func:`sureflow.load`.
        data: The samples, each ``[*shape]``, in data units.
        method: Solver, on both ways.
        tolerance: Error allowed per step, likewise; ``None`` for a fixed grid. Images of ``digits``
            come back within 0.2 % at 1e-5 and within 2 % at 1e-4, for a sixth of the evaluations.
        capacity: Lanes in flight at once.
        fields: Other fields of the lane, such as ``label`` or ``scores``.

    Returns:
        The samples that came out, with their scores; ``start`` is the noise that was found, and
        ``inversion_error`` how far they are from what was given.

    Raises:
        ValueError: It cannot be done; the message begins with what is wrong.
    """
    wanted: dict[str, Any] = {"seed": 0, "method": method, "tolerance": tolerance} | fields
    specs = [
        FlowSpec(index=index, origin=Inverted(np.asarray(one, np.float32)), **wanted)
        for index, one in enumerate(data)
    ]
    for spec in specs:
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
