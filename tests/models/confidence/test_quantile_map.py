"""Confidence put right at another setting, against shifts that are known."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from sureflow.confidence.quantile_map import (
    LIMIT,
    SAME,
    check_map,
    distance,
    fit_map,
    share_at,
)
from sureflow.core.arrays import Floats

LEVELS = np.linspace(0, 1, 65)
MANY = 10**9
"""Reference draws whose tables owe nothing to chance."""


def test_a_known_shift_is_undone() -> None:
    """Reference confidence ``u`` becomes ``u^2``, with noise on the way: ``P(u^2 <= c)`` is its
    square root, and the corrected confidence of fresh draws is uniform."""
    rng = np.random.default_rng(0)

    def pairs(count: int) -> tuple[Floats, Floats]:
        noise, here = rng.normal(0, 0.02, count), rng.uniform(size=count)
        return np.clip(here + noise, 0, 1) ** 2, here

    curve, error = fit_map(MANY, *pairs(3000))
    assert np.abs(share_at(curve, LEVELS) - np.sqrt(LEVELS)).max() < 0.03
    assert error < LIMIT
    assert distance(share_at(curve, pairs(20_000)[0])) < min(error + 0.01, 0.05)


def test_pairs_tell_more_than_their_number() -> None:
    """The error is that of the few on different sides: 400 pairs resolve what 400 draws do not."""
    rng = np.random.default_rng(1)
    here = rng.uniform(size=400)
    curve, error = fit_map(MANY, np.clip(here + rng.normal(0, 0.01, 400), 0, 1), here)
    assert error < LIMIT < 1.36 / 400**0.5
    assert np.abs(share_at(curve, LEVELS) - LEVELS).max() < LIMIT


def test_few_draws_do_not_put_right_what_is_right_enough() -> None:
    """A shift of .03 that 100 pairs cannot resolve is left as it is, and known to be that small."""
    rng = np.random.default_rng(4)
    here = rng.uniform(size=100)
    curve, error = fit_map(MANY, np.clip(here + rng.normal(0, 0.03, 100), 0, 1), here)
    assert curve is SAME
    assert error < LIMIT


@pytest.mark.parametrize("by", [0.5, 20.0, 3e5])
def test_scores_that_no_reference_draw_had_are_put_in_place_too(by: float) -> None:
    """Half of them lie beyond an end of the tables, or all."""
    rng = np.random.default_rng(2)
    here = rng.uniform(size=4000)
    curve, error = fit_map(MANY, here + by, here)
    assert error < LIMIT
    for place in (0.25, 0.5, 0.75, 0.9):
        assert share_at(curve, place + by) == pytest.approx(place, abs=0.03)
    assert [*share_at(curve, np.array([by - 1, by + 2]))] == pytest.approx([0, 1], abs=0.01)


@pytest.mark.parametrize("squeezed", [lambda u: 0.99 + u / 100, lambda u: u**20])
def test_what_lies_within_a_small_part_of_the_tables_is_told_apart(
    squeezed: Callable[[Floats], Floats],
) -> None:
    """Knots are where the samples are."""
    rng = np.random.default_rng(5)
    here = rng.uniform(size=3000)
    curve, error = fit_map(MANY, squeezed(here), here)
    assert error < 0.03
    assert distance(share_at(curve, squeezed(rng.uniform(size=20_000)))) < error + 0.01


def test_what_is_all_alike_cannot_be_told_apart() -> None:
    here = np.random.default_rng(3).uniform(size=2000)
    _, error = fit_map(MANY, np.where(here < 0.3, 0.0, here), here)
    assert error == pytest.approx(0.3, abs=0.03)
    assert fit_map(MANY, np.full(2000, 1e6), here)[1] == 1


def test_where_nothing_is_left_of_a_sample_its_setting_is_taken_by_itself() -> None:
    """Places far off, in another order: pairs know less than the distribution there."""
    rng = np.random.default_rng(0)
    # Tables of few draws: places at their own settings are not quite uniform either.
    here, there = rng.beta(1.2, 1.0, 2000), rng.beta(1.0, 3.0, 2000)
    curve, error = fit_map(MANY, there, here)
    fresh = rng.beta(1.0, 3.0, 4000)
    assert error < 0.03
    assert distance(share_at(curve, fresh)) < error + 1.36 / 4000**0.5


@pytest.mark.parametrize(("draws", "off"), [(MANY, True), (300, False)])
def test_many_samples_outweigh_tables_of_few_reference_draws(draws: int, off: bool) -> None:
    """These put the samples of their own setting too low, and of the other one as well: what pairs
    do not see."""
    rng = np.random.default_rng(6)

    def pairs(count: int) -> tuple[Floats, Floats]:
        here, other = rng.uniform(size=(2, count))
        there = np.where(rng.uniform(size=count) < 0.7, here, other)
        return there**1.3, here**1.3

    curve, error = fit_map(draws, *pairs(2000))
    assert error < 0.04
    assert (distance(share_at(curve, pairs(20_000)[0])) > 0.06) == off
    if not off:
        assert distance(share_at(curve, pairs(20_000)[0])) < error


def test_too_few_to_be_known_by_themselves_are_known_by_pairs() -> None:
    """In tables of few draws: the share is then that of the reference setting, right or not."""
    rng = np.random.default_rng(7)
    here = rng.uniform(size=200)
    assert fit_map(200, np.clip(here + rng.normal(0, 0.01, 200), 0, 1), here)[1] < LIMIT


@pytest.mark.parametrize(
    ("tensor", "complaint"),
    [
        (np.zeros(5), "has shape (5,), not (2, K)"),
        (np.zeros((2, 1)), "has shape (2, 1), not (2, K)"),
        (np.array([[0.0, 0.0], [0.0, 1.0]]), "has ranks that do not rise"),
        (np.array([[0.0, np.inf], [0.0, 1.0]]), "has ranks that do not rise"),
        (np.array([[0.0, 1.0], [1.0, 0.0]]), "does not rise"),
        (np.array([[0.0, 1.0], [0.0, np.nan]]), "does not rise"),
        (np.array([[0.0, 1.0], [0.0, 1.5]]), "is not in 0 .. 1"),
    ],
)
def test_what_is_no_curve_is_refused(tensor: Floats, complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"map {complaint}")):
        check_map("map", tensor)


def test_distances() -> None:
    rng = np.random.default_rng(8)
    said = rng.uniform(size=1000)
    assert distance(said) < 1.6 / 1000**0.5
    assert distance(said**2) == pytest.approx(0.25, abs=0.05), "of u^2, at u = 1/2"
    assert distance(np.array([0.5])) == 0.5
    assert distance(said, said) == 0
    assert distance(said, said + 2) == 1


def test_without_pairs_it_is_the_distribution_by_itself() -> None:
    rng = np.random.default_rng(9)
    found, error = fit_map(200, rng.beta(1.0, 3.0, 2500))
    assert error == pytest.approx(2 * (0.25 / 2500) ** 0.5, abs=0.01)
    assert distance(share_at(found, rng.beta(1.0, 3.0, 5000))) < error + 1.36 / 5000**0.5
