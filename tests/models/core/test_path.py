"""Conversions along the linear path, against a mixture where everything is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sureflow.core import path as paths
from sureflow.core.path import LINEAR, Path, Time
from sureflow.networks import GaussianMixture

TIMES = (0.05, 0.3, 0.5, 0.8, 0.95)


@pytest.fixture
def mixture() -> GaussianMixture:
    means = [[1.0, -1.0, 0.5], [-1.0, 0.0, 2.0]]
    return GaussianMixture(means, [0.4, 0.6], [0.4, 0.7])


def _on_path(mixture: GaussianMixture, time: float) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x1 = mixture.draw(12, generator)
    x0 = torch.randn(x1.shape, generator=generator, dtype=torch.float64)
    t = torch.full((12,), time, dtype=torch.float64)
    return LINEAR.interpolate(x0, x1, t), t


def test_interpolation_runs_from_noise_to_data() -> None:
    x0, x1 = torch.randn(3, 2, 4, 4), torch.randn(3, 2, 4, 4)
    assert torch.equal(LINEAR.interpolate(x0, x1, torch.zeros(3)), x0)
    assert torch.equal(LINEAR.interpolate(x0, x1, torch.ones(3)), x1)
    mixed = LINEAR.interpolate(x0, x1, torch.tensor([0.0, 0.25, 1.0]))
    torch.testing.assert_close(mixed[1], 0.75 * x0[1] + 0.25 * x1[1])


@pytest.mark.parametrize("time", TIMES)
def test_end_points_lie_on_the_line_of_the_velocity(mixture: GaussianMixture, time: float) -> None:
    x, t = _on_path(mixture, time)
    v = mixture(x, t)
    noise, data = LINEAR.ends(x, t, v)
    torch.testing.assert_close(LINEAR.interpolate(noise, data, t), x, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(data - noise, v, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("time", TIMES)
def test_endpoint_is_the_posterior_mean(mixture: GaussianMixture, time: float) -> None:
    """Bayes' rule spelt out for isotropic components."""
    x, t = _on_path(mixture, time)
    variances = torch.tensor([0.16, 0.49], dtype=torch.float64)
    marginal = time**2 * variances + (1 - time) ** 2
    offset = x[:, None] - time * mixture.means
    logits = mixture.log_weights - 0.5 * (offset.square().sum(-1) / marginal + 3 * marginal.log())
    shares = torch.softmax(logits, -1)
    means = mixture.means + (time * variances / marginal)[:, None] * offset
    expected = (shares[..., None] * means).sum(1)
    torch.testing.assert_close(
        LINEAR.ends(x, t, mixture(x, t))[1], expected, rtol=1e-10, atol=1e-10
    )


@pytest.mark.parametrize("time", TIMES)
def test_score_is_the_gradient_of_the_log_density(mixture: GaussianMixture, time: float) -> None:
    x, t = _on_path(mixture, time)
    x.requires_grad_()
    (expected,) = torch.autograd.grad(mixture.log_density(x, t).sum(), x)
    found = LINEAR.score(x, t, mixture(x, t)).detach()
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("time", TIMES)
def test_divergence_and_variance_give_each_other(mixture: GaussianMixture, time: float) -> None:
    x, t = _on_path(mixture, time)
    variance, divergence = mixture.moments(x, t).variance, mixture.divergence(x, t)
    assert variance is not None
    identity = t * variance.sum(-1) - 3
    torch.testing.assert_close((1 - t) * divergence, identity, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["uniform", "middle"])
def test_times_are_reproducible_and_inside(kind: str) -> None:
    first = paths.sample_times(1000, kind, torch.Generator().manual_seed(3))
    again = paths.sample_times(1000, kind, torch.Generator().manual_seed(3))
    assert torch.equal(first, again)
    assert first.shape == (1000,)
    assert (first >= 0).all()
    assert (first < 1).all()


def test_middle_times_prefer_the_middle_and_neglect_none() -> None:
    generator = torch.Generator().manual_seed(3)
    uniform = paths.sample_times(100_000, "uniform", generator)
    middle = paths.sample_times(100_000, "middle", generator)

    def share(times: Tensor, low: float, high: float) -> float:
        return float(((times >= low) & (times < high)).float().mean())

    assert share(uniform, 0.25, 0.75) == pytest.approx(0.5, abs=0.01)
    # Four fifths of P(|N(0, 1)| < log 3) and one fifth of a half.
    assert share(middle, 0.25, 0.75) == pytest.approx(0.8 * 0.7281 + 0.2 * 0.5, abs=0.01)
    assert share(middle, 0.0, 0.01) > 0.001
    assert share(middle, 0.99, 1.0) > 0.001


def test_unknown_kind_of_times() -> None:
    with pytest.raises(ValueError, match="time: 'late' is unknown"):
        paths.sample_times(3, "late", torch.Generator())


class Cosine(Path):
    """``x_t = sin(a) x1 + cos(a) x0`` with ``a = pi t / 2``: the variance stays."""

    def alpha(self, t: Time) -> tuple[Time, Time]:
        angle = torch.as_tensor(t, dtype=torch.float64) * torch.pi / 2
        return angle.sin(), angle.cos() * torch.pi / 2

    def sigma(self, t: Time) -> tuple[Time, Time]:
        angle = torch.as_tensor(t, dtype=torch.float64) * torch.pi / 2
        return angle.cos(), -angle.sin() * torch.pi / 2


@pytest.mark.parametrize("path", [LINEAR, Cosine()], ids=["linear", "cosine"])
@pytest.mark.parametrize("time", TIMES)
def test_whatever_a_network_says_the_velocity_is_the_same(path: Path, time: float) -> None:
    """All predictions of one pair of ends, and back again."""
    generator = torch.Generator().manual_seed(1)
    x0, x1 = torch.randn(2, 6, 3, generator=generator, dtype=torch.float64)
    t = torch.full((6,), time, dtype=torch.float64)
    (alpha, rise), (sigma, fall) = path.alpha(time), path.sigma(time)
    x, expected = path.interpolate(x0, x1, t), rise * x1 + fall * x0
    said = {"velocity": expected, "noise": x0, "data": x1, "v": alpha * x0 - sigma * x1}
    for name, out in said.items():
        found = path.velocity(name, out, x, t)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    noise, data = path.ends(x, t, expected)
    torch.testing.assert_close(noise, x0, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(data, x1, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(path.score(x, t, expected), -x0 / sigma, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("time", TIMES)
def test_the_closed_form_of_the_linear_path_is_the_general_one(time: float) -> None:
    x, v = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    t = torch.full((5,), time, dtype=torch.float64)
    for closed, general in zip(LINEAR.ends(x, t, v), Path.ends(LINEAR, x, t, v), strict=True):
        torch.testing.assert_close(closed, general, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(LINEAR.score(x, t, v), Path.score(LINEAR, x, t, v))
