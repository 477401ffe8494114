import pytest
import torch
from stubs import Scripted

from benchmarks.truth import scores
from benchmarks.truth.measures import auroc, removed
from benchmarks.truth.path import solve
from sureflow.networks import GaussianMixture

START = torch.randn(32, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
STRAIGHT = Scripted(lambda x, t, label: torch.ones_like(x))
CURVED = Scripted(
    lambda x, t, label: torch.stack([torch.ones_like(t), 2 * t], 1),
    lambda x, t, label: torch.full_like(x, 0.5),
)


def test_a_straight_path_surprises_nobody() -> None:
    path = solve(STRAIGHT, START)
    for score in (scores.straightness, scores.path_residual, lambda p: scores.trajectory(p, 0)):
        assert float(score(path).abs().max()) < 1e-12


def test_residuals_of_a_parabola() -> None:
    """``v = (1, 2t)`` and ``u = (1, 1)``: the integral of ``(1 - 2t)^2`` is a third."""
    path = solve(CURVED, START, "rk4", 10)
    assert scores.straightness(path).tolist() == pytest.approx([1 / 3] * 32)
    assert scores.path_residual(path).tolist() == pytest.approx([1 / 3] * 32)
    assert scores.plain(path).tolist() == pytest.approx([1.0] * 32)
    assert scores.plain(path, 0.5).tolist() == pytest.approx([0.5] * 32)


def test_trajectory_is_the_variance_of_predicted_ends() -> None:
    """The prediction's second component is ``x0 + t^2 + 2t (1 - t)`` at ``t = 0, .25, .5, .75``."""
    path = solve(CURVED, START, "rk4", 4)
    t = torch.tensor([0.5, 0.75])
    expected = float((2 * t - t.square()).var())
    assert scores.trajectory(path, 0.5).tolist() == pytest.approx([expected] * 32)


def test_surprise_is_the_exact_likelihood_of_an_exact_network() -> None:
    exact = GaussianMixture([[1.0, 1.0], [-1.0, 0.0]], [0.6, 0.4], [0.5, 0.7])
    path = solve(exact, START, "rk4", 40)
    truth = exact.log_density(path.end, torch.ones(32, dtype=torch.float64))
    assert (-scores.surprise(path)).tolist() == pytest.approx(truth.tolist(), abs=0.01)


def test_standardising_takes_the_scale_away() -> None:
    grows = Scripted(
        lambda x, t, label: torch.zeros_like(x),
        lambda x, t, label: (10 * t)[:, None] ** 3 * x.square() + 1e-9,
    )
    path = solve(grows, START, "euler", 4)
    square = START.square().sum(1)
    expected = 0.5 * (square - square.mean()) / square.std()
    assert scores.standardised(path, 0.5).tolist() == pytest.approx(expected.tolist(), abs=1e-5)


def test_members_that_agree_have_no_spread() -> None:
    path = solve(STRAIGHT, START)
    assert float(scores.ensemble_spread([STRAIGHT, STRAIGHT], path).max()) == 0
    assert float(scores.ensemble_end([STRAIGHT], path).max()) < 1e-20
    # the velocities (1, 1) and (1, 2t), and the same end
    between = path.integral(scores.ensemble_spread([CURVED], path))
    assert between.tolist() == pytest.approx([1 / 6] * 32, rel=0.01)
    assert float(scores.ensemble_end([CURVED], path).max()) < 1e-20


def test_separation_of_bad_from_good() -> None:
    score = torch.tensor([1.0, 2.0, 3.0, 3.0, 5.0])
    bad = torch.tensor([False, False, False, True, True])
    assert auroc(score, bad) == pytest.approx((2.5 + 3) / 6)
    assert auroc(-score, bad) == pytest.approx(0.5 / 6)
    good = torch.arange(100.0)
    both = torch.cat([good, torch.tensor([50.0, 98.0, 97.0, 10.0])])
    assert removed(both, torch.arange(104) >= 100) == 0.5
