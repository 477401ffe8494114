"""Counts from logarithms that were scaled by cell."""

from __future__ import annotations

import numpy as np
import pytest

from sureflow.training.cells.counts import Cells, most_variable, split, whole


def test_counts_come_back_whatever_the_scale() -> None:
    drawn = np.random.default_rng(0)
    counts = drawn.poisson(1.0, (30, 20))
    counts[:, 0] = 1  # so that the smallest one that is not 0 is 1
    logarithms = np.log1p(counts * drawn.uniform(0.5, 9, (30, 1)))
    assert np.array_equal(whole(logarithms), counts)
    with pytest.raises(ValueError, match="off a whole number"):
        whole(np.log1p(np.array([[1.0, 1.5]])))


def test_the_most_variable_genes_stay_in_order_and_are_cut_off() -> None:
    counts = np.array([[0, 5, 0, 3], [0, 9, 200, 3], [1, 1, 0, 3]])
    cells = Cells(counts, ("a", "b", "c", "d"), np.zeros(3, np.int64), ("kind",))
    found = most_variable(cells, 2, 127)
    assert found.genes == ("b", "c")
    assert found.counts.tolist() == [[5, 0], [9, 127], [1, 0]]


def test_every_kind_is_held_out_in_its_share() -> None:
    labels = np.repeat([0, 1], [80, 20])
    cells = Cells(np.zeros((100, 1), np.int64), ("a",), labels, ("x", "y"))
    known, held = split(cells, 25, 0)
    assert sorted([*known, *held]) == [*range(100)]
    assert np.bincount(labels[held]).tolist() == [20, 5]
    assert np.array_equal(split(cells, 25, 0)[1], held)
