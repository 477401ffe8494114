"""Distances between populations, by closed forms and by themselves."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.discrete import populations
from benchmarks.discrete.baselines import gaussian_flow, negative_binomials
from benchmarks.discrete.gamma_poisson import draw
from benchmarks.discrete.reader import Reader

RANDOM = np.random.default_rng(0)


def poisson(mean: float, n: int = 400, d: int = 3) -> populations.Integers:
    return RANDOM.poisson(mean, (n, d)).astype(np.int64)


def test_a_population_is_at_no_distance_from_itself() -> None:
    one = poisson(4)
    assert populations.sliced(one, one) == 0
    assert populations.wasserstein(one, one[::-1].copy()) == 0
    assert populations.zeros_apart(one, one) == 0
    assert populations.moments_apart(one, one) == (0, 0)


def test_what_is_moved_by_a_constant_is_that_far() -> None:
    one = poisson(4)
    assert populations.wasserstein(one, one + 2) == pytest.approx(2 * 3**0.5)


def test_a_sliced_distance_is_a_mean_projection() -> None:
    """Of a shift ``s`` in one component of d it is ``s E|u|``, of a unit vector's component."""
    one = np.zeros((50, 3), np.int64)
    moved = one + np.array([1, 0, 0])
    expected = np.log(2) * 0.5  # E|u| of a unit vector in three dimensions
    assert populations.sliced(one, moved) == pytest.approx(expected, rel=0.1)


def test_mmd_is_unbiased_and_finds_a_difference() -> None:
    width = populations.bandwidth(poisson(4))
    same = [populations.mmd(poisson(4, 100), poisson(4, 100), width) for _ in range(40)]
    assert abs(np.mean(same)) < 4 * np.std(same) / 40**0.5
    assert populations.mmd(poisson(4), poisson(8), width) > 10 * np.std(same)


def test_populations_of_other_sizes_have_no_assignment() -> None:
    with pytest.raises(ValueError, match=r"^b: has 3 members, not 4"):
        populations.wasserstein(poisson(4, 4), poisson(4, 3))


def test_overdispersion_is_that_of_a_gamma() -> None:
    rates = RANDOM.gamma(2.0, 4.0, (20_000, 3))
    drawn = RANDOM.poisson(rates).astype(np.int64)
    assert populations.overdispersion(drawn) == pytest.approx(1 / 2, abs=0.05)
    assert populations.overdispersion(poisson(4, 20_000)) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("sizes", [False, True])
def test_negative_binomials_have_the_moments_of_the_data(sizes: bool) -> None:
    """With totals they have its correlations too, which come from the sizes of cells alone."""
    scale = RANDOM.gamma(4.0, 0.25, (2000, 1)) if sizes else np.ones((2000, 1))
    mean = np.linspace(2, 12, 60)
    counts = RANDOM.poisson(RANDOM.gamma(5.0, scale * mean / 5)).astype(np.int64)
    labels = np.zeros(2000, np.int64)
    made = negative_binomials(counts, labels, labels, 1, sizes)
    np.testing.assert_allclose(made.mean(0), counts.mean(0), rtol=0.1)
    np.testing.assert_allclose(made.var(0), counts.var(0), rtol=0.3)
    correlations = [np.corrcoef(one.T)[np.triu_indices(60, 1)].mean() for one in (made, counts)]
    assert correlations[0] == pytest.approx(correlations[1], abs=0.04)


def test_a_gaussian_flow_learns_two_labels() -> None:
    labels = np.arange(400) % 2
    counts = RANDOM.poisson(np.where(labels[:, None] == 1, 30, 3), (400, 2)).astype(np.int64)
    made = gaussian_flow(counts, labels, labels, 0, steps=100)
    assert made[labels == 1].mean() == pytest.approx(30, rel=0.2)
    assert made[labels == 0].mean() == pytest.approx(3, rel=0.3)


def test_a_reader_tells_labels_apart() -> None:
    labels = np.arange(400) % 2
    counts = RANDOM.poisson(np.where(labels[:, None] == 1, [9, 3], [3, 9])).astype(np.int64)
    assert (Reader(counts, labels).read(counts) == labels).mean() > 0.95


def test_the_toy_has_its_moments() -> None:
    """A Poisson with a gamma rate of shape a has mean a and variance 2 a."""
    pairs = draw(40_000, 0)
    first, second = pairs[::2], pairs[1::2]
    np.testing.assert_allclose(first.mean(0), [60, 5], rtol=0.02)
    np.testing.assert_allclose(second.mean(0), [60, 40], rtol=0.02)
    np.testing.assert_allclose(first.var(0), [120, 10], rtol=0.05)
