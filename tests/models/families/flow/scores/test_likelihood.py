import numpy as np
import pytest
import torch

from sureflow.families.flow.scores.likelihood import LAST, divergence_rate, log_noise
from sureflow.networks import GaussianMixture
from sureflow.training.mixture import Mixture


def test_the_rate_is_the_divergence_of_the_exact_velocity() -> None:
    exact = Mixture(3).exact
    x = torch.randn(200, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    t = torch.linspace(0, 1 - LAST, 200, dtype=torch.float64)
    variance = exact.moments(x, t).variance
    assert variance is not None
    rate = divergence_rate(t.numpy(), variance.sum(1).numpy(), 3)
    np.testing.assert_allclose(rate, exact.divergence(x, t).numpy(), rtol=1e-9, atol=1e-9)


def test_the_end_has_its_limit() -> None:
    exact = Mixture(3).exact
    x, end = exact.draw(50, torch.Generator().manual_seed(0)), torch.ones(50, dtype=torch.float64)
    np.testing.assert_allclose(exact.divergence(x, end).numpy(), 3)
    wrong_by_training = np.array([2.9, 3.0, 3.1])
    assert divergence_rate(np.float64(1), wrong_by_training, 3).tolist() == [3, 3, 3]


def test_noise_has_its_density() -> None:
    x = np.array([[0.3, -1.2, 2.0], [0.0, 0.0, 0.0]])
    expected = torch.distributions.Normal(0, 1).log_prob(torch.from_numpy(x)).sum(1)
    np.testing.assert_allclose(log_noise(np.square(x).sum(1), 3), expected.numpy())


@pytest.mark.parametrize("dimension", [1, 2, 8])
@pytest.mark.parametrize(("steps", "error"), [(20, 0.05), (200, 0.004)])
def test_exact_variance_gives_the_exact_likelihood(
    dimension: int, steps: int, error: float
) -> None:
    """Midpoint rule along midpoint paths; the error is in nats per component."""
    exact = Mixture(dimension).exact
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(300, dimension, generator=generator, dtype=torch.float64)
    found = log_noise(x.square().sum(1).numpy(), dimension)
    for step in range(steps):
        t = torch.full((300,), step / steps, dtype=torch.float64)
        middle, time = x + exact(x, t) / (2 * steps), t + 0.5 / steps
        variance = exact.moments(middle, time).variance
        assert variance is not None
        found -= divergence_rate(time.numpy(), variance.sum(1).numpy(), dimension) / steps
        x = x + exact(middle, time) / steps
    wanted = exact.log_density(x, torch.ones(300, dtype=torch.float64)).numpy()
    assert np.median(np.abs(found - wanted)) < error * dimension
    assert abs(np.mean(found - wanted)) < error * dimension


def test_a_single_gaussian_has_its_entropy() -> None:
    exact = GaussianMixture([[1.0, -1.0]], [1.0], [0.5])
    x = torch.tensor([[1.0, -1.0]], dtype=torch.float64)
    t = np.linspace(0, 1, 2001)
    middle = (t[1:] + t[:-1]) / 2
    trace = [
        float(exact.covariance(x * time, torch.tensor([time])).diagonal(dim1=1, dim2=2).sum())
        for time in middle
    ]
    change = divergence_rate(middle, np.array(trace), 2).mean()
    # the map is linear, x1 = m + 0.5 x0, so that volumes shrink by 0.5 in each component
    assert change == pytest.approx(2 * np.log(0.5), abs=1e-3)
