import numpy as np
import pytest
import torch

from benchmarks.truth import scores
from benchmarks.truth.path import arrive, divergence, exact_trace, solve, starts
from sureflow.checkpoint import load
from sureflow.families.flow.spec import FlowSpec
from sureflow.networks import MLP, GaussianMixture
from sureflow.sampling.sample import run


@pytest.mark.parametrize(("method", "steps"), [("heun", 20), ("euler", 20), ("rk4", 10)])
def test_a_path_is_that_of_the_served_sample(method: str, steps: int) -> None:
    model = load("ring")
    names = ("propagated", "likelihood", "path_residual", "straightness")
    specs = [FlowSpec(3, index, method, steps, scores=names) for index in range(16)]
    served = run(model, specs)
    path = solve(model.network, starts(model.network, 3, 16), method, steps)
    np.testing.assert_allclose(path.end, [s.data for s in served], atol=1e-4)
    integral = path.integral(path.trace)
    np.testing.assert_allclose(integral, [s.uncertainty for s in served], rtol=1e-4)
    for name, score in (
        ("likelihood", scores.surprise),
        ("path_residual", scores.path_residual),
        ("straightness", scores.straightness),
    ):
        given = [s.scores[name] for s in served]
        np.testing.assert_allclose(score(path), given, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(path.trace[path.first].T, [s.rate for s in served], rtol=1e-3)


def test_the_end_alone_is_that_of_the_path() -> None:
    network = load("ring").network
    start = starts(network, 3, 16)
    np.testing.assert_allclose(arrive(network, start), solve(network, start).end, atol=1e-5)


@pytest.mark.parametrize("method", ["euler", "heun", "rk4"])
def test_integrals_may_start_late(method: str) -> None:
    exact = load("ring-exact").network
    path = solve(exact, starts(exact, 0, 2), method, 10)
    ones = torch.ones(len(path.t), 2)
    assert path.integral(ones).tolist() == pytest.approx([1, 1])
    assert path.integral(ones, 0.7).tolist() == pytest.approx([0.3, 0.3])


def test_divergence_by_differentiation_is_the_closed_form() -> None:
    exact = load("ring-exact").network
    assert isinstance(exact, GaussianMixture)
    path = solve(exact, starts(exact, 0, 20).double(), "heun", 5)
    found = divergence(exact, path, 10)
    for t, x, row in zip(path.t, path.x, found, strict=True):
        np.testing.assert_allclose(row, exact.divergence(x[:10], t.expand(10)), atol=1e-9)
    np.testing.assert_allclose(exact_trace(exact, path), path.trace)


def test_methods_with_a_memory_are_refused() -> None:
    network = MLP((2,), width=8, layers=1)
    with pytest.raises(ValueError, match="ab2"):
        solve(network, torch.zeros(1, 2), "ab2")
