from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.simulate.machine import Machine, Neighbour

TWO = (Neighbour(10.0, 15.0, 4.0), Neighbour(20.0, 21.0, 10.0))


def machine(*neighbours: Neighbour) -> Machine:
    return Machine(1.0, 0.5, 4, neighbours)


def test_a_tick_costs_itself_and_its_rows() -> None:
    assert machine().tick_s == (0.0, 1.5, 2.0, 2.5, 3.0)
    assert machine().row_s == 0.75
    assert machine().end(7.0, 2) == 9.0
    assert machine().end(7.0, 9) == 7.0 + 3.0 + 3.0 + 1.5


def test_a_neighbour_slows_down_what_falls_into_its_time() -> None:
    assert machine(*TWO).end(8.0, 2) == 10.0
    assert machine(*TWO).end(9.0, 2) == 9.0 + 1.0 + 4 * 1.0
    assert machine(*TWO).end(14.0, 2) == 15.0 + 2.0 - 1 / 4
    assert machine(*TWO).end(15.0, 2) == 17.0
    assert machine(*TWO).end(19.0, 3) == pytest.approx(21.0 + 2.5 - 1.0 - 1 / 10)


@given(begun=st.floats(0, 30), rows=st.integers(1, 20))
def test_work_is_neither_lost_nor_made(begun: float, rows: int) -> None:
    """What was done between begin and end, by the speed at each time, is the work of the tick."""
    end = machine(*TWO).end(begun, rows)
    done = end - begun
    for each in TWO:
        done -= max(min(end, each.end) - max(begun, each.begin), 0) * (1 - 1 / each.slowdown)
    assert done == pytest.approx(machine().end(0.0, rows))
