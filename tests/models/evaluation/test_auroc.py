"""The share of pairs, counted one by one."""

import numpy as np
import pytest

from sureflow.evaluation.auroc import auroc, auroc_intervals, auroc_within


def test_pairs_are_counted_and_ties_count_half() -> None:
    generator = np.random.default_rng(0)
    values = generator.integers(0, 6, 40).astype(float)
    bad = generator.random(40) < 0.3
    pairs = [(a > b) + 0.5 * (a == b) for a in values[bad] for b in values[~bad]]
    assert auroc(values, bad) == pytest.approx(np.mean(pairs))


def test_what_is_no_number_is_above_all() -> None:
    values = np.array([np.nan, 1.0, 2.0])
    assert auroc(values, np.array([True, False, False])) == 1
    assert auroc(values, np.array([False, True, False])) == 0


@pytest.mark.parametrize("bad", [True, False])
def test_where_all_are_alike_nothing_is_told(bad: bool) -> None:
    assert auroc(np.arange(3.0), np.full(3, bad)) == 0.5


def test_pairs_of_one_class_alone() -> None:
    """What tells classes apart, and nothing within them, is worth nothing."""
    generator = np.random.default_rng(1)
    classes = generator.integers(0, 3, 60)
    values, bad = generator.random(60) + classes, generator.random(60) < 0.2 + 0.2 * classes
    pairs = [
        a > b
        for label in range(3)
        for a in values[bad & (classes == label)]
        for b in values[~bad & (classes == label)]
    ]
    assert auroc_within(values, bad, classes) == pytest.approx(np.mean(pairs))
    assert auroc_within(classes.astype(float), bad, classes) == 0.5
    assert auroc_within(values, classes > 1, classes) is None


def test_intervals_hold_what_they_say() -> None:
    """Of 100 sets of samples, 95 intervals hold the AUROC that infinitely many would have.

    A normal number against one that is larger by a standard deviation: ``Phi(1 / sqrt(2))``. Of
    such a count 12 misses are more than three standard errors away.
    """
    truth, missed = 0.7602, 0
    for seed in range(100):
        draw = np.random.default_rng(seed)
        bad = np.arange(120) < 40
        values, other = draw.normal(size=120) + bad, draw.normal(size=120)
        found = auroc_intervals([values, other], bad, np.zeros(120, int), seed)
        assert found is not None
        one, two, gain = found
        missed += not one.low <= truth <= one.high
        assert gain.value == pytest.approx(one.value - two.value)
        assert gain.low < gain.value < gain.high
    assert missed <= 12
