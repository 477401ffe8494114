"""What an answer says where samples were to be compared on the way, and were not."""

from __future__ import annotations

from collections.abc import Iterable

from sureflow.core.family import family_of
from sureflow.core.lane import LaneSpec, Sample
from sureflow_server.api.filter_options import HALVING, FilterOptions
from sureflow_server.filters import Filter


def halving_warning(asked: FilterOptions | None, spec: LaneSpec) -> str | None:
    """Why the samples of a request cannot be compared on the way; ``None`` if they can."""
    if asked is None or asked.early != HALVING:
        return None
    obstacle = family_of(spec).halving_obstacle(spec)
    return obstacle and f"filter.early: {obstacle}; so none was given up"


def silence_warning(chosen: Filter | None, samples: Iterable[Sample]) -> str | None:
    """Say that a score told nothing on the way, by which samples could have been compared."""
    halving = None if chosen is None else chosen.halving
    made = list(samples)
    if halving is None or len(made) <= halving.survivors[-1]:
        return None
    if any(sample.rung is not None for sample in made):
        return None
    last = halving.rungs[-1]
    return f"filter.early: {made[0].score} tells nothing until t = {last:g}; so none was given up"
