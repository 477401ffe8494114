"""Offline sampling: a plain loop over the sampler that the server uses too."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from typing import Any, Literal

import numpy as np

from sureflow.core.commit import step_at
from sureflow.core.family import families
from sureflow.core.field_types import check_count
from sureflow.core.frame import nearest
from sureflow.core.lane import Branch, LaneSpec, Sample
from sureflow.core.lanes import Listener
from sureflow.model import Model
from sureflow.sampling.sampler import Sampler


def sample(
    model: Model,
    n: int = 1,
    seed: int = 0,
    *,
    scores: tuple[str, ...] = (),
    capacity: int = 32,
    **options: Any,
) -> list[Sample]:
    """Draw ``n`` samples with their uncertainty and confidence.

    Args:
        model: From :func:`sureflow.load`.
        n: Number of samples; sample ``i`` is the same for any ``n > i``.
        seed: Seed, ``0 <= seed < 2**63``.
        scores: Scores to compute; the first gives the confidence. Default: the recommended one.
        capacity: Lanes in flight at once; it changes the speed, never the samples.
        options: Further fields of the lanes of the model's family, such as those of
            :class:`~sureflow.families.flow.spec.FlowSpec`.

    Returns:
        The samples in order of their index, byte for byte those that the server returns.

    Raises:
        TypeError: ``model`` is none, but perhaps the name of one.
        ValueError: An argument is not valid for the model; the message begins with its name.
    """
    if not isinstance(model, Model):
        raise TypeError(f"model: {model!r:.80} is no model; sureflow.load returns one")
    check_count("n", n, 0)
    kind = families()[model.card.family].spec
    known = [field.name for field in fields(kind) if field.name not in ("seed", "index")]
    for name in options.keys() - known:
        raise ValueError(f"{name}: a lane of {model.card.name} has no such field, but {known}")
    options = {**model.card.usual_options, **options}
    specs = [kind(seed, index, scores=scores, **options) for index in range(n)]
    if specs:
        model.check(specs[0])
    return run(model, specs, capacity)


def run(
    model: Model,
    specs: Iterable[LaneSpec],
    capacity: int = 32,
    progress: Callable[[int], object] | None = None,
    listener: Listener | None = None,
) -> list[Sample]:
    """Run any mixture of lanes to their end; returns samples in the order of ``specs``.

    ``progress`` is called after every tick with the number of lanes that it finished. ``listener``
    is called with ``(number of the lane, t, statistics)`` for every lane at every step.

    Raises:
        ValueError: The capacity is not a positive integer.
    """
    check_count("capacity", capacity, 1)
    sampler = Sampler(model, capacity, listener)
    waiting = deque(enumerate(specs))
    results: dict[int, Sample] = {}
    while waiting or sampler.running:
        while waiting and sampler.free:
            sampler.admit(*waiting.popleft())
        finished = sampler.tick().finished
        results.update(finished)
        if progress:
            progress(len(finished))
    return [results[index] for index in sorted(results)]


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
