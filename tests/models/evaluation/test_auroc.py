"""The share of pairs, counted one by one."""

import numpy as np
import pytest

from sureflow.evaluation.auroc import auroc


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
