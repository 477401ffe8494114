"""Offline sampling: the same lanes as the server's, driven by a plain loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from sureflow.core.field_types import check_count
from sureflow.core.lane import LaneSpec, Sample
from sureflow.families.flow.spec import (
    DEFAULT_MAX_STEPS,
    DEFAULT_MIN_STEPS,
    DEFAULT_PARALLEL_TOLERANCE,
    FlowSpec,
)
from sureflow.sampling.sampler import Sampler

if TYPE_CHECKING:
    from sureflow.model import Model


def sample(
    model: Model,
    n: int = 1,
    seed: int = 0,
    *,
    label: int | None = None,
    guidance: float = 1.0,
    method: str = "heun",
    steps: int = 20,
    tolerance: float | None = None,
    min_steps: int = DEFAULT_MIN_STEPS,
    max_steps: int = DEFAULT_MAX_STEPS,
    grid: str = "uniform",
    parallel: int = 0,
    parallel_tolerance: float = DEFAULT_PARALLEL_TOLERANCE,
    scores: tuple[str, ...] = (),
    capacity: int = 32,
) -> list[Sample]:
    """Draw ``n`` samples with their uncertainty and confidence.

    Args:
        model: From :func:`sureflow.load`.
        n: How many; sample ``i`` is the same for any ``n > i``.
        seed: Seed, ``0 <= seed < 2**63``.
        label: Class to generate, ``None`` for no condition.
        guidance: Scale of classifier-free guidance; 1 is the plain conditional model.
        method: Solver, one of :data:`sureflow.core.lane.METHODS`.
        steps: Number of steps, where there is no tolerance.
        tolerance: Error allowed per step; every sample then chooses its own steps.
        min_steps: Fewest steps, with a tolerance.
        max_steps: Most steps to try, with a tolerance.
        grid: ``uniform`` for equal steps, ``fitted`` for steps placed as is best for the model;
            without meaning where there is a tolerance.
        parallel: Steps evaluated in one tick; see :class:`~sureflow.core.lane.LaneSpec`.
        parallel_tolerance: How exact the states ahead must be, rms in data units.
        scores: Scores to gather; the first becomes uncertainty and confidence. None: the one that
            the model recommends.
        capacity: Lanes in flight at once; it changes the speed, never the samples.

    Returns:
        The samples in order of their index, byte for byte those that the server returns.

    Raises:
        ValueError: An argument does not suit the model; names it.
    """
    check_count("n", n, 0)
    specs = [
        FlowSpec(
            seed,
            index,
            method,
            steps,
            label,
            guidance,
            tolerance,
            min_steps,
            max_steps,
            grid,
            parallel,
            parallel_tolerance,
            scores=scores,
        )
        for index in range(n)
    ]
    for spec in specs[:1]:
        model.check(spec)
    return run(model, specs, capacity)


def run(
    model: Model,
    specs: Iterable[LaneSpec],
    capacity: int = 32,
    progress: Callable[[int], object] | None = None,
    listener: Callable[[int, float, float], object] | None = None,
) -> list[Sample]:
    """Run any mixture of lanes to their end; results in the order of ``specs``.

    ``progress`` is called after every tick with the number of lanes that it finished. ``listener``
    is told the running score of every lane at every step, as ``(number of the lane, t, score)``.

    Raises:
        ValueError: The capacity is no number of lanes.
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
        if progress is not None:
            progress(len(finished))
    return [results[index] for index in sorted(results)]
