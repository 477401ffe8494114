"""Operations and scores know that a path may begin with some of the data in the noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gaussian import DEVIATION, MEAN, PATHS, exact, known

from sureflow.evaluation.evaluate import draw_balanced
from sureflow.evaluation.placement import make_draws
from sureflow.families.diffusion.spec import DiffusionSpec
from sureflow.families.flow.inversion import invert
from sureflow.sampling.sample import run

SIZE, LANES = 128, 12
PATHS_WITH_DATA = ["little noise", "edm", "linear"]


def drawn(count: int, size: int) -> np.ndarray:
    """Data."""
    rng = np.random.default_rng(0)
    mean, spread = (np.tile(z, size // 2) for z in (MEAN, DEVIATION))
    return (mean + spread * rng.standard_normal((count, size))).astype(np.float32)


@pytest.mark.parametrize("path", PATHS_WITH_DATA)
def test_residual_of_data_is_1(path: str) -> None:
    """Its squared errors are as large as the exact variance, on the path of the model.

    A mean of 36 of them over 128 components each has a standard error of 2 %.
    """
    model = known(path, "edm" if path == "edm" else "noise", SIZE)
    options = {"method": "heun", "tolerance": None, "steps": 30, "scores": ("residual",)}
    found = invert(model, drawn(LANES, SIZE), **options)
    assert max(sample.inversion_error for sample in found) < 0.05
    assert np.mean([sample.scores["residual"] for sample in found]) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("path", PATHS_WITH_DATA)
def test_slope_is_that_of_the_density(path: str) -> None:
    model = exact(path, "edm" if path == "edm" else "v")
    lanes = model.engine.lanes(1)
    a, b = PATHS[path].coupling()
    t, y = 0.4, torch.tensor([[0.3, -1.0]], dtype=torch.float64)
    p, q = t + (1 - t) * a, (1 - t) * b
    mean, spread = (torch.tensor(z).double() for z in (MEAN, DEVIATION))
    velocity, _ = PATHS[path].velocity(y, torch.tensor([t]).double())
    expected = -(y - p * mean) / (p**2 * spread**2 + q**2)
    torch.testing.assert_close(lanes.slope(y, t, velocity), expected, rtol=1e-5, atol=1e-6)
    noise, data = torch.randn(2, 3, 2).unbind()
    start = lanes.begun(np.arange(len(noise)), noise, data)
    torch.testing.assert_close(start, a * data + b * noise)
    torch.testing.assert_close(lanes.noise_in(start, data), noise)


def test_evaluation_makes_lanes_of_the_family() -> None:
    model = exact("discrete", "noise", 4)
    made = draw_balanced(model, 3, 0, method="euler", steps=5, quiet=True)
    specs = [DiffusionSpec(0, index, "euler", 5) for index in range(3)]
    for sample, expected in zip(made, run(model, specs), strict=True):
        assert sample.spec == expected.spec
        assert sample.data.tobytes() == expected.data.tobytes()
    draws = make_draws(model, 2, 0)
    assert all(isinstance(spec, DiffusionSpec) for spec in draws.specs)
