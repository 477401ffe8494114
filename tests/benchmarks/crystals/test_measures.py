"""Measures of scores against closed forms, and intervals against many repetitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.crystals.measures import (
    auroc,
    cost_of_one,
    coverage,
    lift,
    measured,
    median,
    share,
    surest,
)
from sureflow.core.arrays import Floats

ONE = np.zeros(1000, np.int64)


def even(count: int) -> Floats:
    return np.ones(count)


def test_a_perfect_score_has_all_pairs_in_order_and_chance_half() -> None:
    score = np.arange(1000.0)
    good = score < 300
    assert auroc(score, good, ONE, even(1000)) == 1
    assert auroc(-score, good, ONE, even(1000)) == 0
    assert auroc(np.zeros(1000), good, ONE, even(1000)) == 0.5
    assert np.isnan(auroc(score, score >= 0, ONE, even(1000)))


def test_pairs_are_of_one_stratum() -> None:
    """The stratum says all, the score nothing within it."""
    generator = np.random.default_rng(0)
    stratum = generator.integers(2, size=1000)
    good = generator.random(1000) < np.where(stratum == 1, 0.1, 0.9)
    score = stratum + 1e-3 * generator.random(1000)
    # Mixed, a pair of two strata is in order if it is the good one that is of the first.
    assert auroc(score, good, ONE, even(1000)) > 0.85
    assert auroc(score, good, stratum, even(1000)) == pytest.approx(0.5, abs=0.1)


def test_auroc_of_two_normal_laws() -> None:
    """Two normals one standard deviation apart: Phi(1 / sqrt 2) = 0.7602."""
    generator = np.random.default_rng(1)
    good = np.arange(20_000) % 2 == 0
    score = generator.normal(size=20_000) + ~good
    found = auroc(score, good, np.zeros(20_000, np.int64), even(20_000))
    assert found == pytest.approx(0.7602, abs=0.013)  # four standard errors


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 3)), max_size=30))
def test_a_weight_is_a_number_of_copies(rows: list[tuple[int, bool, int]]) -> None:
    score = np.array([row[0] for row in rows], float)
    good = np.array([row[1] for row in rows], bool)
    times = np.array([row[2] for row in rows], np.int64)
    flat = np.zeros(len(rows), np.int64)
    copies = np.repeat(np.arange(len(rows)), times)
    ones = np.ones(len(copies))
    weighted = auroc(score, good, flat, times.astype(float))
    copied = auroc(score[copies], good[copies], flat[copies], ones)
    assert weighted == pytest.approx(copied, nan_ok=True)
    some = surest(score, flat, 0.25, times.astype(float))
    of_copies = surest(score[copies], flat[copies], 0.25, ones)
    np.testing.assert_allclose(some[copies], of_copies)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.floats(0.01, 1))
def test_exactly_a_part_is_surest_and_in_order(scores: list[int], part: float) -> None:
    score = np.array(scores, float)
    taken = surest(score, np.zeros(len(score), np.int64), part, even(len(score)))
    assert taken.sum() == pytest.approx(part * len(score))
    assert ((taken >= 0) & (taken <= 1)).all()
    order = np.argsort(score, kind="stable")
    assert (np.diff(taken[order]) <= 1e-12).all()


def test_each_stratum_gives_its_part() -> None:
    stratum = np.repeat([0, 1], [400, 600])
    score = np.arange(1000.0)
    taken = surest(score, stratum, 0.25, even(1000))
    assert taken[:400].sum() == pytest.approx(100)
    assert taken[400:].sum() == pytest.approx(150)


@pytest.mark.parametrize(("base", "part", "most"), [(0.2, 0.25, 4), (0.5, 0.25, 2), (0.4, 0.5, 2)])
def test_a_lift_has_a_cap_that_a_perfect_score_reaches(
    base: float, part: float, most: float
) -> None:
    score = np.arange(1000.0)
    good = score < base * 1000
    assert lift(score, good, ONE, part, even(1000)) == pytest.approx(min(most, 1 / base))
    constant = np.zeros(1000)
    assert lift(constant, good, ONE, part, even(1000)) == pytest.approx(1)


def test_medians_by_hand() -> None:
    values = np.array([3.0, 1.0, np.nan, 2.0])
    assert median(values, even(4)) == 2
    assert median(values, np.array([5.0, 1, 9, 1])) == 3
    assert median(np.array([np.inf, 0.0, np.inf]), even(3)) == np.inf
    assert np.isnan(median(values, np.array([0.0, 0, 1, 0])))


def test_coverage_counts_compositions() -> None:
    composition = np.array([0, 0, 1, 1, 2, 2])
    good = np.array([True, False, True, True, False, False])
    assert coverage(good, composition, np.ones(6), even(6)) == pytest.approx(2 / 3)
    kept = np.array([0.0, 1, 1, 0, 1, 1])
    assert coverage(good, composition, kept, even(6)) == pytest.approx(1 / 3)
    twice = np.array([2.0, 2, 0, 0, 1, 1])
    assert coverage(good, composition, np.ones(6), twice) == pytest.approx(2 / 3)


def test_steps_for_one_that_is_good() -> None:
    steps, good = np.array([10, 20, 30, 40]), np.array([True, False, True, False])
    assert cost_of_one(steps, good, np.ones(4), even(4)) == 50
    assert cost_of_one(steps, good, np.array([1.0, 0, 0, 0]), even(4)) == 10
    assert cost_of_one(steps, good, np.array([0.0, 1, 0, 1]), even(4)) == np.inf


def test_intervals_are_over_compositions() -> None:
    """Of 40 compositions, each all good or all bad, the share varies as that of 40 coins."""
    flags = np.repeat(np.random.default_rng(3).random(40) < 0.5, 25)
    found = measured(lambda w: share(flags, w), np.repeat(np.arange(40), 25))
    p = found.value
    wide = 2 * 1.645 * (p * (1 - p) / 40) ** 0.5
    assert found.high - found.low == pytest.approx(wide, rel=0.15)
    assert found.low < p < found.high


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """90 % of 200 repetitions, within four standard errors and what so few clusters cost."""
    generator, hits = np.random.default_rng(4), 0
    for _ in range(200):
        rate = generator.beta(2, 2, size=60)
        flags = (generator.random((60, 8)) < rate[:, None]).ravel()
        composition = np.repeat(np.arange(60), 8)
        found = measured(lambda w, f=flags: share(f, w), composition, draws=200)
        hits += found.low <= 0.5 <= found.high
    assert 0.8 < hits / 200 < 0.97


def test_shares_of_nothing_are_not_known() -> None:
    assert np.isnan(share(np.array([True]), np.zeros(1)))


def test_of_nothing_there_is_no_figure_and_no_interval() -> None:
    nothing = np.zeros(1000)
    assert np.isnan(cost_of_one(np.ones(1000, int), ONE == 0, np.ones(1000), nothing))
    assert cost_of_one(np.ones(1000, int), ONE == 1, np.ones(1000), even(1000)) == np.inf
    found = measured(lambda weight: share(ONE == 0, weight * 0), ONE)
    assert np.isnan([found.value, found.low, found.high]).all()
