from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from sureflow_server.engine.row_budget import BRISK_S, brisk, width

TICK_S = [0.0, *(0.005 + 0.004 * rows for rows in range(1, 17))]


def test_a_brisk_tick_is_no_longer_than_it_may_be() -> None:
    assert brisk(TICK_S) == 7
    assert TICK_S[7] <= BRISK_S < TICK_S[8]
    assert brisk([0.0, 9.0, 10.0]) == 1, "a row at least"
    assert brisk([0.0, 1e-4, 2e-4]) == 2, "all there are"


def test_without_deadlines_ticks_are_as_wide_as_can_be() -> None:
    assert width([], TICK_S) == 16
    assert width([(inf, 40.0)] * 3, TICK_S) == 16


def test_a_deadline_makes_ticks_as_narrow_as_it_needs() -> None:
    assert width([(40 * TICK_S[11], 40.0), (inf, 40.0)], TICK_S) == 11
    assert width([(39.9 * TICK_S[11], 40.0)], TICK_S) == 10


def test_ticks_stay_brisk_and_have_a_row_for_everybody() -> None:
    hasty = (40 * TICK_S[1], 40.0)
    assert width([hasty], TICK_S) == 7
    assert width([hasty] + [(inf, 40.0)] * 11, TICK_S) == 12
    assert width([hasty] * 99, TICK_S) == 16


def test_who_is_too_late_has_no_say() -> None:
    assert width([(39.9 * TICK_S[1], 40.0)], TICK_S) == 16
    assert width([(-1.0, 40.0)], TICK_S) == 16


@given(
    pressing=st.lists(st.tuples(st.floats(-1, 10), st.floats(1, 500)), max_size=9),
    more=st.tuples(st.floats(0, 10), st.floats(1, 500)),
)
def test_one_more_deadline_never_widens_ticks_but_for_its_own_row(
    pressing: list[tuple[float, float]], more: tuple[float, float]
) -> None:
    before, after = width(pressing, TICK_S), width([*pressing, more], TICK_S)
    assert after <= max(before, len(pressing) + 1)
