from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureflow.core.halving import RUNGS, Halving, halve, rungs_from


@pytest.mark.parametrize(
    ("lanes", "finish", "survivors"),
    [(20, 4, (10, 5, 4)), (20, 1, (10, 5, 3)), (7, 2, (4, 2, 2)), (4, 4, (4, 4, 4))],
)
def test_half_go_on_and_never_fewer_than_are_to_be_finished(
    lanes: int, finish: int, survivors: tuple[int, ...]
) -> None:
    assert halve(lanes, finish) == Halving(RUNGS, survivors)


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_survivors_never_rise(lanes: int, finish: int) -> None:
    survivors = halve(lanes, min(lanes, finish)).survivors
    assert sorted((lanes, *survivors), reverse=True) == [lanes, *survivors]
    assert survivors[-1] >= min(lanes, finish)


@pytest.mark.parametrize(("t", "reached"), [(0.15, 0), (0.2 - 1e-12, 1), (0.5, 2), (0.95, 3)])
def test_a_coarse_grid_reaches_several_rungs_at_once(t: float, reached: int) -> None:
    assert halve(8, 2).reached(t) == reached


@pytest.mark.parametrize(
    ("foretells", "rungs"),
    [(0.0, RUNGS), (0.2, RUNGS), (0.6, (0.6, 0.7, 0.8)), (0.9, (0.9,)), (1.0, ())],
)
def test_a_score_that_foretells_late_has_late_rungs(
    foretells: float, rungs: tuple[float, ...]
) -> None:
    assert rungs_from(foretells) == rungs
