"""Posteriors of the benchmark are exact: two moons against its simulator, and the Gaussian one."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from stubs import model_of

import sureflow
from benchmarks.posterior.gaussian import CASES
from benchmarks.posterior.measures import classified, marginal, sliced
from benchmarks.posterior.two_moons import Posterior, posteriors, prior, simulate
from sureflow.families.diffusion.engine import DiffusionEngine
from sureflow.model import Model
from sureflow.networks import FrozenVelocity

X = (1.0, -0.5)
STEPS = {"method": "rk4", "steps": 16, "grid": "uniform"}
LANES = 8


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    return posteriors(1)[0]


def test_the_posterior_of_two_moons_is_normalised(posterior: Posterior) -> None:
    """Where no parameter is out of bounds, each point of the half-ring has two parameters."""
    assert posterior.log_evidence == pytest.approx(math.log(2), abs=2e-3)


def test_exact_draws_are_those_of_the_simulator(posterior: Posterior) -> None:
    """Simulations that came near to the observation have parameters like exact draws."""
    generator = torch.Generator().manual_seed(3)
    theta = prior(2_000_000, generator)
    near = (simulate(theta, generator) - posterior.x).norm(dim=1) < 0.01
    kept = theta[near][:300]
    assert len(kept) == 300
    drawn = posterior.draw(300, generator)
    assert classified(kept, drawn) == pytest.approx(0.5, abs=0.1)
    assert sliced(kept, drawn) < 0.1
    assert marginal(kept, drawn) < 0.05
    assert classified(theta[:300], drawn) > 0.9


def test_the_region_has_its_share(posterior: Posterior) -> None:
    drawn = posterior.draw(100_000, torch.Generator().manual_seed(4))
    density = posterior.log_density(drawn).exp()
    kept = density > math.exp(posterior.least)
    assert float(kept.double().mean()) == pytest.approx(0.99, abs=0.002)


def model(name: str) -> Model:
    """A served model of the exact network of a case."""
    case = CASES[name]
    told = {key: z for key, z in case.adapter.items() if key != "arguments"}
    network = FrozenVelocity(case.network(), variance="none", **told).eval()
    found = model_of(network)
    if case.betas is None:
        return found
    facts = DiffusionEngine.facts(network, {})
    return Model(replace(found.card, family="diffusion", **facts), network, None)


@cache
def gaps(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The score ``divergence`` less the exact ones, of the posterior and of the flow's samples."""
    condition = {"observation": np.array(X, np.float32)}
    found = sureflow.sample(
        model(name), LANES, 3, condition=condition, scores=("divergence",), **STEPS
    )
    theta = torch.from_numpy(np.stack([sample.data for sample in found]))
    said = np.array([sample.scores["divergence"] for sample in found])
    posterior, made = CASES[name].densities(theta, torch.tensor(X))
    return said + posterior.numpy(), said + made.numpy()


@pytest.mark.parametrize("name", ["linear, aligned", "vp to 20, aligned", "vp to 8, aligned"])
def test_divergence_is_the_exact_density_of_what_the_flow_makes(name: str) -> None:
    """The Jacobian is diagonal, so that one random direction leaves no error.

    The last share of noise at which the network is asked is that at which its training ended, which
    leaves an error on the path ``vp``.
    """
    _, made = gaps(name)
    assert np.abs(made).max() < (1e-4 if name.startswith("linear") else 1e-2)


def test_a_path_that_begins_with_data_shows_in_the_density() -> None:
    """Of the posterior it is off by what the standard normal beginning is off."""
    for name, most in (("linear, aligned", 1e-4), ("vp to 20, aligned", 0.05)):
        assert np.abs(gaps(name)[0]).max() < most
    assert np.abs(gaps("vp to 8, aligned")[0]).max() > 0.05


def test_one_direction_has_an_error_of_its_own_where_axes_are_mixed() -> None:
    """The velocity is linear, so that the error has one size, and either sign."""
    _, made = gaps("linear, skew")
    sizes = np.abs(made)
    assert sizes.min() > 0.1
    assert sizes == pytest.approx(sizes.mean(), abs=1e-3)
    assert {*np.sign(made).tolist()} == {-1.0, 1.0}
