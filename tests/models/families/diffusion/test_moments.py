"""Samples of a perfect network of Gaussian data have their mean and variance."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from gaussian import DEVIATION, MEAN, PATHS, exact

import sureflow

SIZE, LANES = 512, 40
"""So that each mean and each variance is over 10,240 independent components: a standard error of
1 % of the deviation, and of 1.4 % of the variance."""
SIX = 6 / math.sqrt(SIZE * LANES / 2)

ODE: list[tuple[str, str, dict[str, Any]]] = [
    ("discrete", "noise", {"method": "euler", "steps": 100}),
    ("discrete", "noise", {"method": "heun", "steps": 20, "grid": "logsnr"}),
    ("zero snr", "v", {"method": "heun", "steps": 40}),
    ("cosine betas", "v", {"method": "euler", "steps": 100}),
    ("cosine", "data", {"method": "heun", "steps": 20, "grid": "uniform"}),
    ("vp", "velocity", {"method": "heun", "steps": 20, "grid": "karras"}),
    ("linear", "reverse_velocity", {"method": "heun", "steps": 20}),
    ("edm", "edm", {"method": "heun", "steps": 20}),
    ("ve", "noise", {"method": "heun", "steps": 20, "grid": "logsnr"}),
    ("edm", "edm", {"method": "dopri5", "tolerance": 1e-3}),
    ("table of linear", "velocity", {"method": "heun", "steps": 20}),
    ("table of cosine", "noise", {"method": "heun", "steps": 20, "grid": "logsnr"}),
    ("table of vp", "v", {"method": "dopri5", "tolerance": 1e-3}),
    ("table of bent", "reverse_velocity", {"method": "heun", "steps": 20}),
]
SDE: list[tuple[str, str, dict[str, Any]]] = [
    ("edm", "edm", {"method": "heun", "steps": 40, "churn": 40}),
    ("ve", "noise", {"method": "heun", "steps": 40, "grid": "karras", "churn": 10}),
    ("discrete", "noise", {"method": "heun", "steps": 40, "grid": "karras", "churn": 40}),
    ("linear", "reverse_velocity", {"method": "heun", "steps": 40, "churn": 10}),
    ("discrete", "noise", {"method": "heun", "steps": 40, "grid": "karras", "eta": 0.5}),
    ("table of vp", "noise", {"method": "heun", "steps": 40, "grid": "karras", "eta": 0.5}),
    ("table of bent", "data", {"method": "heun", "steps": 40, "churn": 10}),
]


def standardised(samples: list[sureflow.Sample]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of both kinds of components, in those of the data."""
    data = np.stack([sample.data for sample in samples]).reshape(-1, 2)
    z = (data - np.array(MEAN)) / np.array(DEVIATION)
    return z.mean(0), z.var(0)


@pytest.mark.parametrize(("path", "prediction", "options"), ODE + SDE)
def test_mean_and_variance_are_those_of_the_data(
    path: str, prediction: str, options: dict[str, Any]
) -> None:
    """Within six standard errors, and 2 % of steps that are not infinitely many."""
    samples = sureflow.sample(exact(path, prediction, SIZE), LANES, 3, **options)
    mean, variance = standardised(samples)
    np.testing.assert_allclose(mean, 0, atol=SIX + 0.02)
    np.testing.assert_allclose(variance, 1, atol=math.sqrt(2) * SIX + 0.02)


def expected(path: str, steps: int, eta: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance after DDIM (Song et al., 2021, equations 12 and 16), by recursion."""
    table = PATHS[path]._table
    mean, spread = np.array(MEAN), np.array(DEVIATION)
    at = [round(len(table) * (1 - k / steps)) - 1 for k in range(steps)]
    signals = [*(table[k] for k in at), 1.0]
    m, c = np.zeros(2), np.ones(2)
    for now, then in pairwise(signals):
        s = eta * math.sqrt((1 - then) / (1 - now) * (1 - now / then))
        off = 1 / (now * spread**2 + 1 - now)
        noise = math.sqrt(1 - now) * off  # the predicted noise is this times x - sqrt(now) mean
        data = math.sqrt(now) * spread**2 * off
        slope = math.sqrt(then) * data + math.sqrt(1 - then - s**2) * noise
        m = math.sqrt(then) * mean + slope * (m - math.sqrt(now) * mean)
        c = slope**2 * c + s**2
    return m, c


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(("path", "prediction"), [("discrete", "noise"), ("zero snr", "v")])
def test_ddim_has_the_moments_of_its_recursion(path: str, prediction: str, eta: float) -> None:
    """Few steps, so that eta makes a difference; within six standard errors."""
    model = exact(path, prediction, SIZE)
    samples = sureflow.sample(model, LANES, 4, method="euler", steps=20, eta=eta)
    data = np.stack([sample.data for sample in samples]).reshape(-1, 2)
    mean, variance = expected(path, 20, eta)
    np.testing.assert_allclose((data.mean(0) - mean) / np.sqrt(variance), 0, atol=SIX)
    np.testing.assert_allclose(data.var(0) / variance, 1, atol=math.sqrt(2) * SIX)
