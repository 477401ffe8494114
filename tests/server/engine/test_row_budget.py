from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from sureflow_server.engine.row_budget import (
    IDLE_TICK_S,
    TARGET_LATENCY_S,
    row_budget,
    rows_within,
    tick_seconds,
)

TICK_S = [0.0, *(0.005 + 0.004 * rows for rows in range(1, 17))]
BRISK = 7


def test_more_rows_than_the_most_are_evaluated_in_parts() -> None:
    assert tick_seconds(0, TICK_S) == 0
    assert tick_seconds(16, TICK_S) == TICK_S[16]
    assert tick_seconds(35, TICK_S) == 2 * TICK_S[16] + TICK_S[3]


def test_a_brisk_tick_is_no_longer_than_it_may_be() -> None:
    assert rows_within(TARGET_LATENCY_S, TICK_S) == BRISK
    assert TICK_S[7] <= TARGET_LATENCY_S < TICK_S[8]
    assert rows_within(TARGET_LATENCY_S, [0.0, 9.0, 10.0]) == 1, "a row at least"
    assert rows_within(TARGET_LATENCY_S, [0.0, 1e-4, 2e-4]) == 2, "all there are"
    assert rows_within(TARGET_LATENCY_S, TICK_S, 2.0) == 3, "all take twice as long"
    assert rows_within(TARGET_LATENCY_S, TICK_S, 0.0) == 16, "nothing is known yet"


def test_without_deadlines_ticks_are_as_wide_as_can_be() -> None:
    assert row_budget([], TICK_S, BRISK) == 16
    assert row_budget([(inf, 40.0)] * 3, TICK_S, BRISK) == 16


def test_a_deadline_makes_ticks_as_narrow_as_it_needs() -> None:
    assert row_budget([(40 * TICK_S[11], 40.0), (inf, 40.0)], TICK_S, BRISK) == 11
    assert row_budget([(39.9 * TICK_S[11], 40.0)], TICK_S, BRISK) == 10


def test_ticks_stay_brisk_and_have_a_row_for_everybody() -> None:
    hasty = (40 * TICK_S[1], 40.0)
    assert row_budget([hasty], TICK_S, BRISK) == 7
    assert row_budget([hasty] + [(inf, 40.0)] * 11, TICK_S, BRISK) == 12
    assert row_budget([hasty] * 99, TICK_S, BRISK) == 16


def test_a_slow_machine_does_not_make_ticks_narrow() -> None:
    """Narrow ticks cost more per row, so they would make it slower still."""
    slow = [4 * seconds for seconds in TICK_S]
    assert row_budget([(40 * slow[2], 40.0)], slow, BRISK) == BRISK


def test_who_is_too_late_has_no_say() -> None:
    assert row_budget([(39.9 * TICK_S[1], 40.0)], TICK_S, BRISK) == 16
    assert row_budget([(-1.0, 40.0)], TICK_S, BRISK) == 16


@given(
    pressing=st.lists(st.tuples(st.floats(-1, 10), st.floats(1, 500)), max_size=9),
    more=st.tuples(st.floats(0, 10), st.floats(1, 500)),
)
def test_one_more_deadline_never_widens_ticks_but_for_its_own_row(
    pressing: list[tuple[float, float]], more: tuple[float, float]
) -> None:
    before, after = (
        row_budget(pressing, TICK_S, BRISK),
        row_budget([*pressing, more], TICK_S, BRISK),
    )
    assert after <= max(before, len(pressing) + 1)


def test_ticks_that_nobody_waits_for_are_short() -> None:
    assert rows_within(IDLE_TICK_S, [0.0, *(0.001 * rows for rows in range(1, 17))]) == 10
    assert rows_within(IDLE_TICK_S, [0.0, 9.0, 10.0]) == 1, "a row at least"
    assert rows_within(IDLE_TICK_S, [0.0, 1e-4, 2e-4]) == 2, "all there are"
