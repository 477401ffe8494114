"""Densities, gradients, bounds and exact draws of targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import dblquad, quad
from torch import Tensor, nn

from sureflow.families.annealed.target import Target
from sureflow.families.annealed.targets import build
from sureflow.families.annealed.targets.funnel import Funnel
from sureflow.families.annealed.targets.logistic import LogisticPosterior
from sureflow.families.annealed.targets.many_well import ManyWell
from sureflow.families.annealed.targets.mixture import Mixture
from sureflow.networks import register


class Energy(nn.Module):
    """An exponential law of each component."""

    def forward(self, x: Tensor) -> Tensor:
        return -x.sum(1)


def integral(module: nn.Module, side: float) -> float:
    """Of a density in the plane."""

    def density(y: float, x: float) -> float:
        return float(torch.exp(module(torch.tensor([[x, y]], dtype=torch.float64)))[0])

    return float(dblquad(density, -side, side, -side, side, epsabs=1e-5, epsrel=1e-5)[0])


def test_the_constants_of_the_shipped_targets_are_right() -> None:
    mixture = Mixture.of([[0.5, 0.0], [-1.0, 1.0]], [0.8, 0.5], [2.0, 1.0])
    assert integral(mixture, 6.0) == pytest.approx(1, abs=1e-4)
    assert np.log(integral(ManyWell(1), 7.0)) == pytest.approx(ManyWell(1).log_z, abs=1e-4)
    assert ManyWell(4).log_z == pytest.approx(4 * ManyWell(1).log_z)
    assert integral(Funnel(2, 0.5), 9.0) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("target", [Funnel(3), Mixture.of([[1.0] * 3, [-1.0] * 3], [1, 2], [1, 3])])
def test_exact_draws_have_the_density(target: Funnel | Mixture, draws: torch.Generator) -> None:
    """``E_p[q / p] = 1`` for a law ``q`` that is narrower than the target, within 4 errors."""
    x = target.exact(200_000, draws)
    inner: Any = torch.distributions.Normal(0.0, 0.5)
    ratio = torch.exp(inner.log_prob(x).sum(1) - target(x))
    error = float(ratio.std() / len(ratio) ** 0.5)
    assert abs(float(ratio.mean()) - 1) < 4 * error
    assert error < 0.05


@pytest.mark.parametrize(
    "bounds", [{}, {"0": [0.0, None]}, {"0": [None, 3.0], "1": [-1.0, 2.0]}], ids=str
)
def test_gradients_and_jacobians(bounds: dict[str, list[float | None]]) -> None:
    target = Target(Energy(), 2, bounds=bounds)
    z = torch.tensor([[0.3, -0.7], [1.1, 0.2]], dtype=torch.float64)
    found = target.evaluate(z)
    for component in range(2):
        step = torch.zeros(2, dtype=torch.float64)
        step[component] = 1e-6
        ends = [target.evaluate(z + sign * step)["log_density"] for sign in (1, -1)]
        slope = (ends[0] - ends[1]) / 2e-6
        torch.testing.assert_close(found["gradient"][:, component], slope, atol=1e-7, rtol=1e-6)
    x, _ = target.bounded(z)
    torch.testing.assert_close(target.unbounded(x), z)
    for number, (low, high) in target.bounds.items():
        assert low is None or (x[:, number] > low).all()
        assert high is None or (x[:, number] < high).all()


def test_bounds_keep_the_integral() -> None:
    """``int exp(-x) dx`` from 0 on is 1, in the unbounded coordinate too."""
    target = Target(Energy(), 1, bounds={"0": [0.0, None]})

    def density(z: float) -> float:
        return float(target.evaluate(torch.tensor([[z]], dtype=torch.float64))["log_density"].exp())

    assert quad(density, -30, 6)[0] == pytest.approx(1, abs=1e-8)


def test_the_posterior_is_that_of_its_data() -> None:
    posterior = LogisticPosterior(3, 2)
    inputs = torch.tensor([[1.0, -1.0], [0.5, 2.0], [-1.0, 0.0]], dtype=torch.float64)
    posterior.inputs.copy_(inputs)
    posterior.labels.copy_(torch.tensor([1.0, 0.0, 1.0]))
    at, scale = torch.tensor([[0.2, -0.4, 0.7]], dtype=torch.float64), torch.tensor([[2.0]])
    logits = 0.2 + inputs @ at[0, 1:]
    laws: Any = torch.distributions
    chance = laws.Bernoulli(logits=logits).log_prob(posterior.labels).sum()
    prior = laws.Normal(0.0, 2.0).log_prob(at).sum()
    torch.testing.assert_close(posterior(at, scale)[0], chance + prior, atol=1e-6, rtol=1e-6)


def factory(size: float) -> nn.Module:
    return Energy()


def test_an_operator_brings_a_module() -> None:
    register("own-energy", factory)
    target = build(
        {"kind": "module", "base": "own-energy", "arguments": {"size": 1}, "dimension": 2}
    )
    found = target.evaluate(torch.ones(3, 2, dtype=torch.float64))["log_density"]
    assert found.tolist() == [-2, -2, -2]


WRONG: list[tuple[dict[str, object], str]] = [
    ({"kind": "vibes"}, "network.kind"),
    ({"kind": "module", "base": "no-such"}, "network.base"),
    ({"kind": "funnel", "dimension": 0}, "network.dimension"),
    ({"kind": "funnel", "dimension": 10, "scale": -1.0}, "network.scale"),
    ({"kind": "funnel", "dimension": 10, "scale": [1.0, 2.0]}, "network.scale"),
    ({"kind": "funnel", "dimension": 10, "bounds": {"10": [0, 1]}}, "network.bounds"),
    ({"kind": "funnel", "dimension": 10, "bounds": {"1": [1, 0]}}, "network.bounds"),
    ({"kind": "funnel", "arguments": {"wells": 1}, "dimension": 10}, "network.arguments"),
    ({"kind": "funnel", "dimension": 10, "colour": 1}, "network"),
]


@pytest.mark.parametrize(("config", "field"), WRONG, ids=str)
def test_what_is_wrong_is_named(config: dict[str, object], field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}"):
        build(config)


def test_a_module_that_mixes_rows_is_refused() -> None:
    class Sum(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.sum()[None]

    with pytest.raises(ValueError, match="log density of 3 rows"):
        Target(Sum(), 2).evaluate(torch.ones(3, 2, dtype=torch.float64))
