import math
from itertools import combinations_with_replacement

import numpy as np
import pytest

from sureflow.families.flow.tableau import COEFFICIENTS, METHODS, STAGES, TABLEAUS


def trees(order):
    """Rooted trees with ``order`` nodes, each the sorted tuple of its subtrees."""
    if order == 1:
        return [()]
    found = set()

    def split(left, largest, taken):
        if left == 0:
            found.add(tuple(sorted(taken)))
        for size in range(1, min(left, largest) + 1):
            for count in range(1, left // size + 1):
                for some in combinations_with_replacement(trees(size), count):
                    split(left - size * count, size - 1, taken + some)

    split(order - 1, order - 1, ())
    return sorted(found)


def nodes(tree):
    return 1 + sum(nodes(child) for child in tree)


def density(tree):
    return nodes(tree) * math.prod(density(child) for child in tree)


def meets(a, b, order):
    """Butcher's conditions for all trees of one order: ``b . Phi(tree) = 1 / gamma(tree)``."""

    def stages(tree):
        return math.prod((a @ stages(child) for child in tree), start=np.ones(len(b)))

    return all(abs(b @ stages(tree) - 1 / density(tree)) < 1e-12 for tree in trees(order))


def test_there_are_as_many_trees_as_there_should_be() -> None:
    assert [len(trees(order)) for order in range(1, 7)] == [1, 1, 2, 4, 9, 20]


@pytest.mark.parametrize("method", METHODS)
def test_order_conditions(method: str) -> None:
    """Met up to the order claimed, and not beyond it; the same for the embedded weights."""
    tableau, index = TABLEAUS[method], METHODS.index(method)
    size = tableau.stages
    a, b, c = (x[index, ..., :size] for x in (COEFFICIENTS.a, COEFFICIENTS.b, COEFFICIENTS.c))
    a = a[:size]
    assert np.allclose(a.sum(1), c, atol=1e-14)
    orders = range(1, tableau.order + 2)
    assert [meets(a, b, order) for order in orders] == [True] * tableau.order + [False]
    if tableau.embedded:
        embedded = b - COEFFICIENTS.error[index, :size]
        orders = range(1, tableau.embedded_order + 2)
        met = [meets(a, embedded, order) for order in orders]
        assert met == [True] * tableau.embedded_order + [False]
        assert COEFFICIENTS.power[index] == min(tableau.order, tableau.embedded_order) + 1
        assert tableau.embedded_order != tableau.order


def test_stages_are_explicit_and_padded_with_zeros() -> None:
    stacked = COEFFICIENTS
    assert stacked.a.shape == (len(METHODS), STAGES, STAGES)
    assert (stacked.a == np.tril(stacked.a, -1)).all()
    assert stacked.stages.tolist() == [1, 2, 2, 2, 4, 4, 7, 2, 2]
    assert stacked.plain_stages.tolist() == [1, 2, 2, 2, 3, 4, 6, 1, 1]
    assert np.flatnonzero(stacked.fsal).tolist() == [4, 6]
    multistep = [METHODS[number] for number in np.flatnonzero(stacked.multistep)]
    assert multistep == ["ab2", "dpmpp_2m", "unipc"]
    for index, tableau in enumerate(TABLEAUS.values()):
        assert not stacked.b[index, tableau.stages :].any()
        assert not stacked.error[index, tableau.stages :].any()
