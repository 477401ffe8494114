"""The identities of the linear path, checked on a mixture where every term is known."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from sureflow.networks import GaussianMixture, build

TIMES = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98)


def _anisotropic() -> GaussianMixture:
    return GaussianMixture(
        means=[[2.0, 2.0], [-2.0, 1.0], [0.0, -2.5]],
        weights=[0.5, 0.3, 0.2],
        covariances=[
            [[0.3, 0.1], [0.1, 0.2]],
            [[0.1, -0.05], [-0.05, 0.25]],
            [[0.15, 0.0], [0.0, 0.1]],
        ],
    )


def _isotropic() -> GaussianMixture:
    generator = torch.Generator().manual_seed(1)
    means = torch.randn(4, 5, generator=generator).tolist()
    return GaussianMixture(means, [1.0, 2.0, 3.0, 4.0], [0.2, 0.5, 1.0, 1.5])


@pytest.fixture(params=[_anisotropic, _isotropic], ids=["anisotropic", "isotropic"])
def mixture(request: pytest.FixtureRequest) -> GaussianMixture:
    made: GaussianMixture = request.param()
    return made


def _on_path(mixture: GaussianMixture, time: float, count: int = 16) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x1 = mixture.draw(count, generator)
    x0 = torch.randn(x1.shape, generator=generator, dtype=torch.float64)
    return (1 - time) * x0 + time * x1, torch.full((count,), time, dtype=torch.float64)


def _jacobian(mixture: GaussianMixture, x: Tensor, t: Tensor) -> Tensor:
    return torch.func.vmap(
        torch.func.jacrev(lambda point, time: mixture(point[None], time[None])[0])
    )(x, t)


def _variance(mixture: GaussianMixture, x: Tensor, t: Tensor) -> Tensor:
    variance = mixture.moments(x, t).variance
    assert variance is not None
    return variance


@pytest.mark.parametrize("time", TIMES)
def test_covariance_is_tied_to_the_jacobian(mixture: GaussianMixture, time: float) -> None:
    x, t = _on_path(mixture, time)
    eye = torch.eye(x.shape[1], dtype=torch.float64)
    expected = (eye + (1 - time) * _jacobian(mixture, x, t)) / time
    torch.testing.assert_close(mixture.covariance(x, t), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("time", TIMES)
def test_divergence_is_the_trace_of_the_jacobian(mixture: GaussianMixture, time: float) -> None:
    x, t = _on_path(mixture, time)
    trace = _jacobian(mixture, x, t).diagonal(dim1=1, dim2=2).sum(-1)
    torch.testing.assert_close(mixture.divergence(x, t), trace, rtol=1e-10, atol=1e-10)
    total = _variance(mixture, x, t).sum(-1)
    torch.testing.assert_close(
        (1 - time) * trace, time * total - x.shape[1], rtol=1e-10, atol=1e-10
    )


@pytest.mark.parametrize("time", [0.0, *TIMES, 1.0])
def test_variance_is_the_diagonal_of_the_covariance(mixture: GaussianMixture, time: float) -> None:
    x, t = _on_path(mixture, time)
    diagonal = mixture.covariance(x, t).diagonal(dim1=1, dim2=2)
    torch.testing.assert_close(_variance(mixture, x, t), diagonal, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("time", TIMES)
def test_velocity_and_score_of_the_density_agree(mixture: GaussianMixture, time: float) -> None:
    x, t = _on_path(mixture, time)
    x.requires_grad_()
    (score,) = torch.autograd.grad(mixture.log_density(x, t).sum(), x)
    expected = (time * mixture(x, t) - x) / (1 - time)
    torch.testing.assert_close(score, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("time", TIMES)
def test_acceleration_is_made_by_variance_alone(mixture: GaussianMixture, time: float) -> None:
    """``Dv/Dt = dv/dt + J v = -(div Cu + Cu s)``."""
    x, t = _on_path(mixture, time)
    v = mixture(x, t)
    drift = torch.func.vmap(
        torch.func.jacrev(lambda point, clock: mixture(point[None], clock[None])[0], argnums=1)
    )(x, t)
    acceleration = drift + (_jacobian(mixture, x, t) @ v.unsqueeze(-1)).squeeze(-1)
    gradients = torch.func.vmap(
        torch.func.jacrev(lambda point, clock: mixture.covariance(point[None], clock[None])[0])
    )(x, t)
    divergence = gradients.diagonal(dim1=2, dim2=3).sum(-1)
    score = (time * v - x) / (1 - time)
    pulled = (mixture.covariance(x, t) @ score.unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(acceleration, -(divergence + pulled), rtol=1e-9, atol=1e-9)


def test_variance_integrates_to_the_likelihood(mixture: GaussianMixture) -> None:
    """Along the flow, ``log p1 = log p0 - int (t tr Cu - d) / (1 - t) dt``."""
    generator = torch.Generator().manual_seed(2)
    dimension = mixture.shape[0]
    x = torch.randn(8, dimension, generator=generator, dtype=torch.float64)
    steps, stop = 400, 0.95
    h = stop / steps
    start = mixture.log_density(x, torch.zeros(8))

    def rates(x: Tensor, time: float) -> tuple[Tensor, Tensor]:
        t = torch.full((8,), time, dtype=torch.float64)
        out = mixture.moments(x, t)
        assert out.variance is not None
        return out.mean, (time * out.variance.sum(-1) - dimension) / (1 - time)

    loss = torch.zeros(8, dtype=torch.float64)
    for step in range(steps):
        time = step * h
        k1, d1 = rates(x, time)
        k2, d2 = rates(x + h / 2 * k1, time + h / 2)
        k3, d3 = rates(x + h / 2 * k2, time + h / 2)
        k4, d4 = rates(x + h * k3, time + h)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        loss = loss + h / 6 * (d1 + 2 * d2 + 2 * d3 + d4)
    end = mixture.log_density(x, torch.full((8,), stop))
    torch.testing.assert_close(end, start - loss, rtol=0, atol=1e-6)


def test_moments_against_importance_sampling(mixture: GaussianMixture) -> None:
    """Weigh draws of ``x1`` by the density of the noise that would lead to ``x_t``."""
    time, count = 0.4, 400_000
    x, t = _on_path(mixture, time, count=3)
    x1 = mixture.draw(count, torch.Generator().manual_seed(3))
    for point, expected, covariance in zip(x, mixture(x, t), mixture.covariance(x, t), strict=True):
        x0 = (point - time * x1) / (1 - time)
        weights = torch.softmax(-0.5 * x0.square().sum(-1), 0)
        u = x1 - x0
        effective = 1 / weights.square().sum()
        assert effective > 3000
        mean = weights @ u
        centred = u - mean
        bound = 5 / effective.sqrt()
        assert ((mean - expected).abs() / covariance.diagonal().sqrt()).max() < bound
        sampled = centred.T @ (weights[:, None] * centred)
        assert (sampled - covariance).norm() / covariance.norm() < 2 * bound


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_both_ends_of_time_are_regular(mixture: GaussianMixture, dtype: torch.dtype) -> None:
    x, _ = _on_path(mixture, 0.5)
    x = x.to(dtype)
    zero, one = torch.zeros(len(x), dtype=dtype), torch.ones(len(x), dtype=dtype)
    tight = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 0, "atol": 1e-12}
    weights = mixture.log_weights.exp()
    average = (weights[:, None] * mixture.means).sum(0)
    data = mixture.draw(200_000, torch.Generator().manual_seed(4))

    torch.testing.assert_close(mixture(x, zero), average.to(dtype) - x, **tight)
    torch.testing.assert_close(mixture(x, one), x, **tight)
    ones = torch.ones_like(x)
    torch.testing.assert_close(_variance(mixture, x, one), ones, **tight)
    dimension = torch.full((len(x),), float(x.shape[1]), dtype=dtype)
    torch.testing.assert_close(mixture.divergence(x, zero), -dimension, **tight)
    torch.testing.assert_close(
        mixture.covariance(x, zero)[0].double(), data.T.cov(), rtol=0.03, atol=0.03
    )
    normal = -0.5 * (x.double().square().sum(-1) + dimension * math.log(2 * math.pi))
    torch.testing.assert_close(mixture.log_density(x, zero).double(), normal, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("time", [0.0, 0.5, 1.0])
def test_density_at_the_end_is_that_of_the_mixture(time: float) -> None:
    mixture = _anisotropic()
    x, t = _on_path(mixture, time)
    covariances = torch.tensor(
        [
            [[0.3, 0.1], [0.1, 0.2]],
            [[0.1, -0.05], [-0.05, 0.25]],
            [[0.15, 0.0], [0.0, 0.1]],
        ],
        dtype=torch.float64,
    )
    components = torch.distributions.MultivariateNormal(
        time * mixture.means, time**2 * covariances + (1 - time) ** 2 * torch.eye(2)
    )
    weights = torch.distributions.Categorical(torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64))
    expected = torch.distributions.MixtureSameFamily(weights, components).log_prob(x)
    torch.testing.assert_close(mixture.log_density(x, t), expected, rtol=1e-10, atol=1e-10)


def test_draws_have_the_moments_of_the_mixture() -> None:
    mixture = _anisotropic()
    draws = mixture.draw(400_000, torch.Generator().manual_seed(5))
    origin = torch.zeros(1, 2, dtype=torch.float64)
    start = torch.zeros(1, dtype=torch.float64)
    torch.testing.assert_close(draws.mean(0), mixture(origin, start)[0], rtol=0, atol=0.02)
    torch.testing.assert_close(
        draws.T.cov(), mixture.covariance(origin, start)[0], rtol=0.02, atol=0.02
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 33])
def test_a_row_does_not_depend_on_its_neighbours(
    mixture: GaussianMixture, dtype: torch.dtype, count: int
) -> None:
    generator = torch.Generator().manual_seed(6)
    x = torch.randn(64, *mixture.shape, generator=generator, dtype=dtype)
    t = torch.rand(64, generator=generator, dtype=dtype)
    whole = mixture.moments(x, t)
    part = mixture.moments(x[7 : 7 + count], t[7 : 7 + count])
    assert whole.variance is not None
    assert part.variance is not None
    assert torch.equal(part.mean, whole.mean[7 : 7 + count])
    assert torch.equal(part.variance, whole.variance[7 : 7 + count])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_mean_of_the_moments_is_the_velocity(mixture: GaussianMixture, dtype: torch.dtype) -> None:
    x, t = _on_path(mixture, 0.6)
    x, t = x.to(dtype), t.to(dtype)
    out = mixture.moments(x, t)
    assert out.mean.dtype == x.dtype
    assert torch.equal(out.mean, mixture(x, t))


def test_label_selects_the_components_of_its_class() -> None:
    means, deviations = [[-2.0], [0.0], [3.0]], [0.3, 0.5, 0.4]
    mixture = GaussianMixture(means, [0.2, 0.3, 0.5], deviations, labels=[0, 1, 1])
    assert mixture.classes == 2
    second = GaussianMixture(means[1:], [0.3, 0.5], deviations[1:])
    x = torch.linspace(-3, 3, 12, dtype=torch.float64)[:, None]
    t = torch.linspace(0, 1, 12, dtype=torch.float64)
    label = torch.ones(12, dtype=torch.long)
    torch.testing.assert_close(mixture(x, t, label), second(x, t))
    torch.testing.assert_close(mixture.divergence(x, t, label), second.divergence(x, t))
    assert torch.equal(mixture(x, t), mixture(x, t, 2 * label))
    assert not torch.allclose(mixture(x, t), mixture(x, t, label))


def test_image_shape_is_the_flat_mixture_rearranged() -> None:
    means = torch.randn(2, 12, generator=torch.Generator().manual_seed(8)).tolist()
    image = GaussianMixture(means, [0.5, 0.5], [0.3, 0.6], shape=(3, 2, 2))
    flat = GaussianMixture(means, [0.5, 0.5], [0.3, 0.6])
    x = torch.randn(4, 12, generator=torch.Generator().manual_seed(9))
    t = torch.full((4,), 0.5)
    out = image.moments(x.reshape(4, 3, 2, 2), t)
    assert out.variance is not None
    assert torch.equal(out.mean.flatten(1), flat(x, t))
    assert torch.equal(out.variance.flatten(1), _variance(flat, x, t))
    assert image.draw(5, torch.Generator().manual_seed(0)).shape == (5, 3, 2, 2)


def test_config_survives_json_and_holds_everything() -> None:
    config: dict[str, Any] = {
        "kind": "gaussian_mixture",
        "means": [[1.0, 0.0], [0.0, 1.0]],
        "weights": [0.25, 0.75],
        "covariances": [0.1, 0.2],
    }
    network = build(json.loads(json.dumps(config)))
    assert isinstance(network, GaussianMixture)
    assert network.state_dict() == {}
    assert not network.noise
    assert network.floor == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"means": [1.0, 2.0]}, "means"),
        ({"means": [[math.nan, 0.0], [0.0, 1.0]]}, "means"),
        ({"weights": [0.5]}, "weights"),
        ({"weights": [1.5, -0.5]}, "weights"),
        ({"covariances": [0.1, 0.0]}, "covariances"),
        ({"covariances": [0.1, 0.2, 0.3]}, "covariances"),
        ({"covariances": [[[1.0, 2.0], [2.0, 1.0]]] * 2}, "covariances"),
        ({"covariances": [[[1.0, 0.5], [0.0, 1.0]]] * 2}, "covariances"),
        ({"labels": [0, 2]}, "labels"),
        ({"labels": [0]}, "labels"),
        ({"shape": [3]}, "shape"),
        ({"depth": 3}, "network"),
    ],
)
def test_wrong_arguments_are_named(change: dict[str, Any], field: str) -> None:
    config = {
        "kind": "gaussian_mixture",
        "means": [[1.0, 0.0], [0.0, 1.0]],
        "weights": [0.25, 0.75],
        "covariances": [0.1, 0.2],
    }
    with pytest.raises(ValueError, match=field):
        build(config | change)
