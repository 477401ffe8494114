"""The density of samples of exact networks, on paths that begin with a little of the data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gaussian import DEVIATION, MEAN, known

import sureflow

SIZE = 64
SCORES = ("likelihood", "divergence")


def density(data: np.ndarray) -> np.ndarray:
    """``log p`` in nats, of the Gaussian data."""
    spread = np.tile(DEVIATION, SIZE // 2)
    z = (data - np.tile(MEAN, SIZE // 2)) / spread
    return -0.5 * (z**2).sum(1) - np.log(spread).sum() - SIZE / 2 * math.log(2 * math.pi)


@pytest.mark.parametrize("path", ["linear", "discrete", "vp", "edm", "little noise"])
def test_likelihood_is_that_of_the_data(path: str) -> None:
    """Up to what the first state lacks of standard normal noise, some ``a`` per component.

    The divergence is estimated along one direction of signs, which is exact here, where the
    derivative of the velocity is diagonal.
    """
    model = known(path, "v", SIZE)
    samples = sureflow.sample(
        model, 16, 2, method="heun", steps=80, grid="uniform", scores=SCORES, early=None
    )
    expected = -density(np.stack([sample.data for sample in samples]).astype(np.float64))
    a, _ = model.network.convention.coupling
    bound = 0.15 + 2.5 * a * SIZE**0.5
    for score in SCORES:
        found = np.array([sample.scores[score] for sample in samples])
        assert np.abs(found - expected).max() < bound, (score, np.abs(found - expected).max())
