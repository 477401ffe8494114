"""Offline sampling: a plain loop over the sampler that the server uses too."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any

from sureflow.core.family import families
from sureflow.core.field_types import check_count
from sureflow.core.lane import LaneSpec, Sample
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
        ValueError: An argument is not valid for the model; the message begins with its name.
    """
    check_count("n", n, 0)
    kind = families()[model.card.family].spec
    known = [field.name for field in fields(kind) if field.name not in ("seed", "index")]
    for name in options.keys() - known:
        raise ValueError(f"{name}: a lane of {model.card.name} has no such field, but {known}")
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
    is called with ``(number of the lane, t, running score)`` for every lane at every step.

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
