"""Moments and modes of weighted samples, by equal budgets of evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sureflow.core.arrays import Floats
from sureflow.core.family import family_of
from sureflow.core.lane import Sample
from sureflow.families.annealed.options import AnnealedOptions
from sureflow.families.annealed.spec import AnnealedSpec
from sureflow.model import Model
from sureflow.sampling.sample import run


@dataclass(frozen=True)
class Weighted:
    """Samples ``[n, d]`` with weights ``[n]`` that add up to 1, and what they say together."""

    data: Floats
    weights: Floats
    summary: dict[str, float]
    evaluations: float

    def mean(self, values: Floats) -> Any:
        """Weighted mean over samples."""
        return np.tensordot(self.weights, values, 1)


def weighted(samples: Sequence[Sample]) -> Weighted:
    """The samples of one request."""
    logs = np.array([float(sample.fields["log_weight"]) for sample in samples])
    weights = np.exp(logs - logs.max())
    return Weighted(
        np.array([sample.data for sample in samples], np.float64),
        weights / weights.sum(),
        dict(family_of(samples[0].spec).summary(samples)),
        float(np.mean([sample.evaluations for sample in samples])),
    )


def drawn(model: Model, n: int, seed: int, **options: Any) -> Weighted:
    """Samples by options of a request, such as a ``budget``."""
    fields = AnnealedOptions(**options).lane()
    lanes = [AnnealedSpec(seed, index, **fields) for index in range(n)]
    model.check(lanes[0])
    return weighted(run(model, lanes, capacity=64))


def apart(shares: Floats, truth: Floats) -> float:
    """Total variation between shares of modes."""
    return float(np.abs(shares - truth).sum() / 2)
